"""Networks and nothing else: what is computed, not how it is trained."""
