"""Sound in and out: devices, files and virtual devices behind the same ports; 16 kHz mono inside."""
