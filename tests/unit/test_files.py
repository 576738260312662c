import hashlib

import pytest

from cellstate.files import atomic_write, sha256


@pytest.mark.parametrize("unique", [False, True])
def test_file_is_replaced_at_once(tmp_path, unique):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path, unique=unique) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert sha256(path) == hashlib.sha256(b"new").hexdigest()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_error_keeps_the_old_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def stop_half_way() -> None:
        with atomic_write(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        stop_half_way()
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]
