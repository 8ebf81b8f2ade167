"""Where a run is kept: the only room that knows what lies where in a results folder."""
