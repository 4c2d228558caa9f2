"""Homes that can be reached: one built in, and Home Assistant."""
