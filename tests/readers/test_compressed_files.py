"""Compressed text: read like the text itself; what is cut, damaged or made to fill the memory."""

import bz2
import gzip
import io
import lzma

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipoise._errors import InvalidFile
from equipoise.readers import read
from equipoise.readers._bytes import check_unpacked, encoding_of, open_bytes

TABLE = "f,l\n1,0\n\n2.5,1\n,0\n"
ARFF = "@relation r\n@attribute f real\n@attribute l {0,1}\n@data\n1,0\n2.5,1\n?,0\n"
ROWS = "0 1:1\n1,2 1:2.5\n0 1:0 # nothing\n"
SUFFIXES = [".gz", ".bz2", ".xz", ".zst"]


def zstandard(content):
    """What polars packs: a frame without its size and check sum."""
    buffer = io.BytesIO()
    lines = pl.DataFrame({"line": content.decode().split("\n")[:-1]})
    lines.write_csv(buffer, include_header=False, quote_style="never", compression="zstd")
    return buffer.getvalue()


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard}


def raw_frame(content, *, repeat=1, checksum=b""):
    """A Zstandard frame whose blocks are not compressed, or one byte many times."""
    kind = 0 if repeat == 1 else 1
    size = len(content) * repeat
    blocks = []
    for start in range(0, max(size, 1), 1 << 17):
        n = min(1 << 17, size - start)
        last = start + n == size
        header = (n << 3 | kind << 1 | last).to_bytes(3, "little")
        blocks.append(header + (content if kind else content[start : start + n]))
    descriptor = 0xA0 | (4 if checksum else 0)
    head = b"\x28\xb5\x2f\xfd" + bytes([descriptor]) + size.to_bytes(4, "little")
    return head + b"".join(blocks) + checksum


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_compressed_text_is_read_as_the_text_is(write, dense, suffix):
    for text, name, options in (
        (TABLE, "t.csv", {"labels": "l"}),
        (ARFF, "t.arff", {"labels": "l"}),
        (ROWS, "t.svm", {}),
    ):
        plain = read(write(text, name), **options)
        packed = read(write(PACK[suffix](text.encode()), name + suffix), **options)
        np.testing.assert_array_equal(dense(packed.x), dense(plain.x))
        np.testing.assert_array_equal(packed.targets.to_array(), plain.targets.to_array())
        assert packed.name == "t"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_many_blocks_of_rows_come_out_whole(write, suffix):
    n = 300_000  # more than polars unpacks, and more than is parsed, at a time
    text = "f,l\n" + "".join(f"{i},{i % 2}\n" for i in range(n))
    d = read(write(PACK[suffix](text.encode()), f"t.csv{suffix}"), "l")
    np.testing.assert_array_equal(d.x[:, 0], np.arange(n, dtype=np.float32))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_archives_one_after_the_other(write, suffix):
    first, second = PACK[suffix](b"f,l\n1,0\n"), PACK[suffix](b"2,1\n")
    content = first + (b"\0" * 4 if suffix == ".xz" else b"") + second
    np.testing.assert_array_equal(read(write(content, f"t.csv{suffix}"), "l").x, [[1], [2]])
    damaged = first + b"?" + second[1:]
    with pytest.raises(InvalidFile, match="is not a whole .* archive"):
        read(write(damaged, f"t.csv{suffix}"), "l")


def test_errors_tell_the_line_in_what_comes_out(write):
    for suffix in SUFFIXES:
        path = write(PACK[suffix](TABLE.encode() + b"x,0\n"), f"t.csv{suffix}")
        with pytest.raises(InvalidFile, match=r"t.csv.*line 6, column 'f': a feature must be"):
            read(path, "l")


def test_the_mulan_file_beside_a_compressed_one_names_the_labels(write):
    write("<labels><label name='l'/></labels>", "t.xml")
    path = write(gzip.compress(ARFF.encode()), "t.arff.gz")
    assert read(path).targets.label_names == ("l",)


# --------------------------------------------------------------------------- what is refused


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(suffix=st.sampled_from(SUFFIXES), cut=st.integers(1, 60))
def test_a_cut_archive_is_never_read(tmp_path, suffix, cut):
    packed = PACK[suffix](TABLE.encode())
    path = tmp_path / f"t.csv{suffix}"
    path.write_bytes(packed[: -min(cut, len(packed) - 1)])
    with pytest.raises(InvalidFile, match=r"archive (is cut off|: it ends)|is not a whole"):
        read(path, "l")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_archive(write, suffix):
    with pytest.raises(InvalidFile, match=r"t.csv.*is not a whole .* archive.*not compressed"):
        read(write(TABLE, f"t.csv{suffix}"), "l")
    with pytest.raises(InvalidFile, match=r"is not a whole .* archive|archive is cut off"):
        read(write(PACK[suffix](TABLE.encode()) + b"garbage", f"t.csv{suffix}"), "l")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_of_nothing(write, suffix):
    packed = raw_frame(b"") if suffix == ".zst" else PACK[suffix](b"")
    with pytest.raises(InvalidFile, match="holds empty lines only"):
        read(write(packed, f"t.csv{suffix}"), "l")
    with pytest.raises(InvalidFile, match="ends without @data"):
        read(write(packed, f"t.arff{suffix}"), "l")
    with pytest.raises(InvalidFile, match="holds no row"):
        read(write(packed, f"t.svm{suffix}"))


@pytest.mark.parametrize("suffix", ["", *SUFFIXES])
def test_bytes_that_no_text_holds(write, suffix):
    def packed(content):
        if not suffix:
            return content
        return raw_frame(content) if suffix == ".zst" else PACK[suffix](content)

    with pytest.raises(InvalidFile, match="null bytes"):
        read(write(packed(b"f,l\n1,0\n\0,1\n"), f"t.csv{suffix}"), "l")
    with pytest.raises(InvalidFile, match=r"UTF-16|null bytes|not UTF-8"):
        read(write(packed(TABLE.encode("utf-16")), f"t.csv{suffix}"), "l")
    with pytest.raises(InvalidFile, match="not UTF-8"):
        read(write(packed(b"f,l\n1,0\n\xe9,1\n"), f"t.csv{suffix}"), "l")


def test_a_line_that_is_too_long(write):
    path = write(b"a" * 3000 + b"\n" + b"b" * 5000, "t.txt")
    with open_bytes(path, longest_line=5000) as file:
        assert len(file.read()) == 8001
    with (
        open_bytes(path, longest_line=4999) as file,
        pytest.raises(InvalidFile, match=r"t.txt.*a line of more than 4,999 bytes"),
    ):
        file.read()


def test_a_line_that_is_too_long_in_a_small_archive(write):
    packed = gzip.compress(b"1" * 140_000_000, compresslevel=1)
    for name, options in (("t.csv", {"labels": "l"}), ("t.svm", {})):
        with pytest.raises(InvalidFile, match="a line of more than 134,217,728 bytes"):
            read(write(packed, f"{name}.gz"), **options)


def test_an_archive_that_fills_the_memory(write):
    path = write(gzip.compress(b"f,l\n" + b"1,0\n" * 100_000), "t.csv.gz")
    with open_bytes(path, large=500_000) as file:
        assert len(file.read()) == 400_004
    ratio = 400_004 / path.stat().st_size
    assert ratio > 300
    check_unpacked(path, 1000, 500_000, large=1000)
    with pytest.raises(InvalidFile, match=r"1,000 bytes unpack to 500,001 or more.*decompress it"):
        check_unpacked(path, 1000, 500_001, large=1000)
    check_unpacked(path, 1000, 500_001, large=500_001)
    bomb = write(gzip.compress(b"\n" * 2_000_000), "b.csv.gz")
    with (
        open_bytes(bomb, large=1_500_000) as file,
        pytest.raises(InvalidFile, match=r"b.csv.gz'.*unpack to .* made to fill the memory"),
    ):
        file.read()


def test_a_zstandard_archive_that_fills_the_memory_is_not_even_begun(write):
    path = write(raw_frame(b"1", repeat=1 << 30), "t.csv.zst")
    assert path.stat().st_size < 50_000
    with pytest.raises(InvalidFile, match="unpack to 1,073,741,824 or more"):
        read(path, "l")


# -------------------------------------------------------------------------------- Zstandard


def test_frames_of_zstandard_one_after_the_other(write):
    skippable = b"\x53\x2a\x4d\x18" + (7).to_bytes(4, "little") + b"ignored"
    content = raw_frame(b"f,l\n1,0\n2") + skippable + zstandard(b",1\n3,0\n")
    np.testing.assert_array_equal(read(write(content, "t.csv.zst"), "l").x, [[1], [2], [3]])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (raw_frame(b"f,l\n1,0\n", checksum=b"\1\2\3\4"), "checksum|cannot be|archive"),
        (raw_frame(b"f,l\n1,0\n", checksum=b"\1\2"), "ends inside a frame"),
        (b"\x28\xb5\x2f", "does not begin with the mark"),
        (raw_frame(b"f,l\n") + b"x", "does not begin with the mark"),
        (b"\x28\xb5\x2f\xfd\x20\x04\x07\x00\x00", "a block is of no known kind"),
        (b"\x28\xb5\x2f\xfd\x20", "ends inside a frame"),
        (raw_frame(b"f,l\n") + b"\x50\x2a\x4d\x18\xff\xff\xff\x7f", "ends inside a frame"),
        (b"\x50\x2a\x4d\x18\0\0\0\0" + raw_frame(b"f,l\n"), "begins with a frame to be skipped"),
    ],
)
def test_damaged_zstandard(write, content, problem):
    with pytest.raises(InvalidFile, match=rf"(?s)t.csv.zst.*({problem})"):
        read(write(content, "t.csv.zst"), "l")


# --------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"plain", "utf-8-sig"),
        ("é".encode(), "utf-8-sig"),
        (b"\xe9", "latin-1"),
        ("é".encode()[:1], "latin-1"),
        (b"a" * ((1 << 20) - 1) + "é".encode(), "utf-8-sig"),
    ],
)
def test_the_encoding_of_a_file(write, content, encoding):
    assert encoding_of(write(content, "t.txt")) == encoding
