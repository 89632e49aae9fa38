"""How alike images are: whole, in part, bent, and held against chance."""
