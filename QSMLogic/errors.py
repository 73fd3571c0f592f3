"""The two ways a computation ends early."""


class InputError(ValueError):
    """The input or a setting cannot be used; the message says what is wrong, where, and what to do."""


class Cancelled(Exception):
    """The user asked for the computation to stop."""
