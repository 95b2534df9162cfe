import pydoc


class C:
    """Documented."""

    def m(self, x):
        """A method."""


print(pydoc.plain(pydoc.render_doc(C)))
help(C.m)
