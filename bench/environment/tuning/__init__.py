"""What `bench tune` applies to servers, and how every bit of it is taken back."""
