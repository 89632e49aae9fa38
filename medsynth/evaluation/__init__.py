"""What synthetic scans are worth: agreement in Hounsfield units, and use for segmentation."""
