"""What may leave a DICOM header, and under which names."""
