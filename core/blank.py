"""What is blank: a text in which nothing can be seen."""

import re

#: Characters that show nothing, as the inside of a character class that ECMA 262 and Python read alike: white space,
#: controls, format controls but for those that enclose numbers, default ignorables (Unicode Standard Annex 44,
#: ``Default_Ignorable_Code_Point``) and the fillers of Hangul and Braille.
INVISIBLE = (
    r"\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
#: Those beyond U+FFFF, which are written differently in ECMA 262.
_BEYOND = r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
_VISIBLE = re.compile(f"[^{INVISIBLE}{_BEYOND}]")


def is_blank(text: str) -> bool:
    """Tell whether nothing in *text* can be seen. Joiners and the like do no harm beside what can."""
    return _VISIBLE.search(text) is None
