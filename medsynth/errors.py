"""The errors a user can meet.

MedsynthError
 ├── ConfigurationError   a setting is unknown, malformed or out of range
 ├── RecordError          a workspace, manifest, checkpoint or lock is not usable
 ├── ImageError           a file or volume is not the image it should be
 ├── CohortError          the patients, phases or roles do not allow the stage
 ├── TaskError            a worker's task outlived its limits (in medsynth.records.worker_pool)
 ├── TrainingError        a training cannot start or go on
 ├── PrivacyError         the patients' privacy budget is contradicted, altered or used up
 ├── AuditError           the audit cannot be run on what it was given
 ├── AuditFailedError     the audit found a leak, or could not trust itself
 └── ReleaseRefusedError  the audit, or the lack of its power, forbids the release

Each message says what was found, what was expected and what to do. None of
them carries text read from a DICOM header: that text is a patient's.
"""


class MedsynthError(Exception):
    """Something the user can mend; the command line ends with `exit_code`."""

    exit_code = 2


class ConfigurationError(MedsynthError):
    """A setting is unknown, malformed or out of range."""


class RecordError(MedsynthError):
    """A workspace, manifest, checkpoint or lock is not usable."""


class ImageError(MedsynthError):
    """A file or volume is not the image it should be."""


class CohortError(MedsynthError):
    """The patients, phases or roles do not allow the stage."""


class TrainingError(MedsynthError):
    """A training cannot start or go on."""


class PrivacyError(MedsynthError):
    """The patients' privacy budget is contradicted, altered or used up."""


class AuditError(MedsynthError):
    """The audit cannot be run on what it was given."""


class AuditFailedError(MedsynthError):
    """The audit found a leak, or its own test showed that it cannot be trusted."""

    exit_code = 3


class ReleaseRefusedError(MedsynthError):
    """The audit, or the lack of its power, forbids the release."""

    exit_code = 3
