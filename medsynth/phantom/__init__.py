"""Made-up patients: anatomy, contrast enhancement, scanner and DICOM files."""
