"""Every exception of callgate: a broken promise, never an ordinary outcome.

CallgateError
├── SettingsError       the installer's settings file says something that cannot be
├── ResourceError       a file that ships with callgate is not where the package put it
├── ConfigurationError  Asterisk's configuration cannot be read, by us or by Asterisk itself
└── JournalError        the journal cannot be written: nothing may be granted on it
    └── JournalInUseError  because another daemon writes it
"""


class CallgateError(Exception):
    """The root. Its text says what, where and what to do, and is fit to be shown to an installer."""


class SettingsError(CallgateError):
    """The settings cannot be used. Fields: `path` in the document, `problem`, `remedy`."""

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. Remedy: {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class ResourceError(CallgateError):
    """A shipped file is missing. Field: `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is missing from this installation. Remedy: install callgate again")
        self.name = name


class ConfigurationError(CallgateError):
    """Asterisk's configuration cannot be audited. Fields: `place`, `problem`, `remedy`."""

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        super().__init__(f"{place}: {problem}. Remedy: {remedy}")
        self.place = place
        self.problem = problem
        self.remedy = remedy


class JournalError(CallgateError):
    """A row could not be made durable. Fields: `file`, `cause`, `remedy`."""

    def __init__(self, file: str, cause: str, remedy: str = "free the disk or its rights") -> None:
        super().__init__(f"the journal {file} cannot be written: {cause}. Remedy: {remedy}")
        self.file = file
        self.cause = cause
        self.remedy = remedy


class JournalInUseError(JournalError):
    """Another daemon writes this journal: one of the two must not run."""
