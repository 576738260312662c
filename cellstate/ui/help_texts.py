"""What is true about privacy, what is limited, and which keys work."""

from __future__ import annotations


def privacy(seconds: int, signed_in: bool) -> tuple[str, ...]:
    """Return sentences about a user's data, as Markdown.

    Parameters
    ----------
    seconds : int
        How long a session outlives its closed browser tab.
    signed_in : bool
        Whether this server asks who its users are.
    """
    who = (
        "**Sign-in** tells the server your name; it stands in a signed cookie of your browser, and CellState keeps no "
        "record of who did what."
        if signed_in
        else "**No sign-in** is asked on this server: whoever reaches it may use it, each with a session of their own."
    )
    return (
        "**In memory alone.** Your file goes to the machine that serves this page, is read there in memory, and is "
        "never written to its disk.",
        "**Nothing leaves.** The server opens no connection to anyone with your data, and the page loads nothing from "
        "elsewhere: no fonts, no scripts, no usage statistics.",
        "**Yours alone.** Samples, edits and results belong to your session. Another user, or another browser tab, has "
        "a session of its own and never sees yours.",
        "**Not in the log.** An error is logged with its place in the code, without names or values of your file.",
        f"**Forget my data** drops samples, edits and results at once. When you close the tab, it happens by itself "
        f"after about {_minutes(seconds)}. The memory is then free for other uses; it is not overwritten first.",
        "**Links carry settings**, never data. They do hold the genes you edit, and an address stays in your browser's "
        "history and perhaps in a proxy's log.",
        "**What you download** is yours to keep safe: tables and reports hold predictions made from the sample, and "
        "its name only if you ask for it.",
        who,
        "**Whoever runs the server** could read its memory, as with any server. For data that must not leave your "
        "machine, run CellState on it.",
    )


KEYS: tuple[tuple[str, str], ...] = (
    ("Tab, Shift + Tab", "Go to the next or the previous link, button or field"),
    ("Enter, Space", "Press a button, open a list, switch a toggle"),
    ("Arrow keys", "Move in a list, a slider, a row of choices, tabs or a table"),
    ("Escape", "Close a list, a pop-up or a dialog"),
    ("Enter in a search field", "Search at once"),
    ("Ctrl + F in a table", "Search the table (Cmd + F on a Mac)"),
    ("Alt + Z, Alt + Y", "Undo and redo a change of the edits, on the page Perturb"),
    ("R", "Draw the page again; nothing is lost"),
)

REACH = (
    "Everything can be reached without a mouse. What a figure shows is said in the sentence below it, and the table "
    "beside it holds the numbers."
)


def _minutes(seconds: int) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds} seconds"
