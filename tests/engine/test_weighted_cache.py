"""A cache bounded by the weight of what it keeps."""

from engine.weighted_cache import MAX_SHARE, WeightedCache


def test_the_least_recently_used_go_until_the_rest_is_light_enough() -> None:
    cache: WeightedCache[str, int] = WeightedCache(100)
    for number in range(10):
        cache.keep(f"key {number}", number, 10)
    assert (len(cache), cache.weight) == (10, 100)
    assert cache.get("key 0") == 0
    cache.keep("heavier", 10, 12)
    assert [cache.get(f"key {number}") for number in range(4)] == [0, None, None, 3]
    assert (len(cache), cache.weight) == (9, 92)


def test_what_grows_is_weighed_anew() -> None:
    cache: WeightedCache[str, str] = WeightedCache(100)
    for weight in (1, 9, 4):
        cache.keep("key", "value", weight)
        assert (len(cache), cache.weight) == (1, weight)


def test_no_single_value_takes_the_place_of_all() -> None:
    cache: WeightedCache[str, str] = WeightedCache(8 * MAX_SHARE)
    cache.keep("key", "value", 8)
    cache.keep("other", "value", 9)
    assert (cache.get("key"), cache.get("other")) == ("value", None)
    # Nor does one that has become too heavy stay.
    cache.keep("key", "value", 9)
    assert (len(cache), cache.weight) == (0, 0)
