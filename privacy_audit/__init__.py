"""A leak audit for synthetic images that stands alone on folders of images."""
