"""The record, the private page, the public page and the pictures."""
