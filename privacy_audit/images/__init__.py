"""Reading images and telling whose they are; shares nothing with what is audited."""
