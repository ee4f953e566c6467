"""The one error a person's input can raise: what rule was broken, where, by which value, and what to do."""


class InputError(Exception):
    """Bad input. The message is a single line made of place, value, law and remedy.

    >>> str(InputError("photos, site layer3.0.conv1", "level 300", "the site has 256 filters", "lower the level"))
    'photos, site layer3.0.conv1: level 300, but the site has 256 filters; lower the level'
    """

    def __init__(self, place: str, value: str, law: str, remedy: str = "") -> None:
        self.place, self.value, self.law, self.remedy = place, value, law, remedy
        line = f"{place}: {value}, but {law}" + (f"; {remedy}" if remedy else "")
        super().__init__(" ".join(line.split()))

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, str, str, str]]:
        """Keep the four parts when the error crosses a process border."""
        return (InputError, (self.place, self.value, self.law, self.remedy))
