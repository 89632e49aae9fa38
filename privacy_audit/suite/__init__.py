"""Which checks run on given inputs, and what each is handed."""
