"""What can go wrong with the local stack; each says what the person at the keyboard can do.

LocalStackError
|- NotInstalledError     a server's program is not on this machine: run `make setup`
|- StartFailedError      a process ended or did not become ready: its log's last lines are in the text
`- StackStateError       the stack is up when it should be down, or the other way round
"""


class LocalStackError(Exception):
    pass


class NotInstalledError(LocalStackError):
    pass


class StartFailedError(LocalStackError):
    pass


class StackStateError(LocalStackError):
    pass
