"""The panel: widgets that show and change `Parameters`, and run a `Request`."""
