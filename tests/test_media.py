"""What of the music at hand somebody means."""

from assistant.media import Track, matching

UPTOWN = Track("Uptown Girl", "uptown", words=frozenset({"billy", "joel", "uptown", "girl"}))
STAND = Track("Stand by Me", "stand", words=frozenset({"ben", "e", "king", "stand", "by", "me"}))


def test_small_words_need_not_be_known() -> None:
    assert matching("uptown girl by billy joel", [], [STAND, UPTOWN]) == (UPTOWN,)
    assert matching("stand by me", [], [UPTOWN, STAND]) == (STAND,)
    assert matching("by me", [], [UPTOWN, STAND]) == (STAND,)
    assert matching("to be", [], [UPTOWN, STAND]) == ()
