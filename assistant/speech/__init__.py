"""Sound to text and text to sound: one engine adapter per file, all behind the ports of `dialog.ports`."""
