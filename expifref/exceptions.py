"""Every error this project raises on purpose.

    ExpifrefError
    ├── ParameterError           a parameter, unit or option breaks its rule
    ├── DataError                a data set or trace file cannot be used
    ├── UnsupportedError         a module or feature that has no integer lowering
    ├── FileFormatError          a file is truncated, edited, foreign or of another version
    ├── ProfileError             a hardware profile is unknown or inconsistent
    ├── CapacityError            the network does not fit the device
    ├── RangeError               a width cannot be proven large enough
    ├── FidelityError            the integers stray further from the float network than allowed
    ├── MissingToolError         an optional library or external tool is not there
    ├── ToolError                an external tool failed
    └── BoardError               a board is not there, is silent, or does something else

A message is one sentence a user can act on: what must hold, what was found, what to do.
The command line turns every `ExpifrefError` into that sentence on stderr and exit code 2.
"""

__all__ = [
    "BoardError",
    "CapacityError",
    "DataError",
    "ExpifrefError",
    "FidelityError",
    "FileFormatError",
    "MissingToolError",
    "ParameterError",
    "ProfileError",
    "RangeError",
    "ToolError",
    "UnsupportedError",
    "UpstreamStepWarning",
]


class ExpifrefError(Exception):
    """Base of all errors raised on purpose."""


class ParameterError(ExpifrefError, ValueError):
    """A parameter, unit or option breaks its rule."""


class DataError(ExpifrefError, ValueError):
    """A data set or trace file cannot be used."""


class UnsupportedError(ExpifrefError):
    """A module or feature has no integer lowering."""


class FileFormatError(ExpifrefError):
    """A file is truncated, edited, foreign or of another version."""


class ProfileError(ExpifrefError):
    """A hardware profile is unknown or inconsistent."""


class CapacityError(ExpifrefError):
    """The network does not fit the device."""


class RangeError(ExpifrefError):
    """A width cannot be proven large enough."""


class FidelityError(ExpifrefError):
    """The integers stray further from the float network than allowed."""


class MissingToolError(ExpifrefError):
    """An optional library or external tool is not there."""


class ToolError(ExpifrefError):
    """An external tool ended with an error, or not in time."""


class BoardError(ExpifrefError):
    """A board at a serial line is not there, is silent, or says something else than it must."""


class UpstreamStepWarning(UserWarning):
    """A population of another library spikes at other steps than the described one."""
