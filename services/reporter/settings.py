"""What a reporter process is told from outside."""

from shared.runtime.settings import Common


class ReporterSettings(Common):
    """Settings of one reporter process; several may run side by side."""
