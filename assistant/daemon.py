"""The composition root: builds every part and hands the parts to each other."""
