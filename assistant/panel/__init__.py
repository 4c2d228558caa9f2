"""Buttons and lights on the device, by the kernel's own files: /dev/input and /sys/class/leds."""
