"""The one exception for mistakes that the user can mend."""


class UserError(Exception):
    """Says in one message what is wrong (the file or key by name) and what to do about it.

    The command line prints it without a traceback and exits with status 2.
    """
