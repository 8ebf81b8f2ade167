"""The report room: values in, text out. It opens no file, asks no clock and reaches no network."""
