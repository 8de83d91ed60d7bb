from diffkeras.reporting.html import in_code


def test_words_between_backticks_are_code_and_all_else_is_escaped():
    assert in_code("`a<b` & c") == "<code>a&lt;b</code> &amp; c"
