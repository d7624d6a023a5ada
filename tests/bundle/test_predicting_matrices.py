"""predict_files on ARFF, libsvm and NPZ: the same scores as of the same rows in a table."""

import gzip

import numpy as np
import polars as pl
import pytest
from bundle_cases import NAMES, problem, quick
from scipy import sparse

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.bundle import Bundle, columns_of
from equipoise.bundle.predict import predict_files
from equipoise.cli import main
from equipoise.readers.blocks import open_rows

pytestmark = pytest.mark.keras

N = 120
QUICK = ["--folds", "1", "--epochs", "1", "--hidden-units", "2"]


def bundle_of(names):
    X, y = problem()
    fitted = quick(n_folds=1).fit(X, pl.DataFrame(y, NAMES))
    return Bundle(fitted.fitted_, fitted.task_, fitted.classes_, columns=columns_of(names, X))


@pytest.fixture(scope="module")
def bundle():
    """Columns as libsvm and NPZ files name them, counted from 1."""
    return bundle_of([f"feature_{i}" for i in range(1, 6)])


@pytest.fixture(scope="module")
def rows():
    return problem(seed=3)[0].astype(np.float32)


def scores(bundle, paths, folder, **options):
    told = predict_files(bundle, paths, folder / "out.parquet", **options)
    return told, pl.read_parquet(told.path)


def numbers(frame):
    return frame.select(r"^probability_.*$").to_numpy()


@pytest.fixture(scope="module")
def expected(bundle, rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    frame = pl.DataFrame(rows, [c.name for c in bundle.columns])
    frame.write_parquet(folder / "rows.parquet")
    return scores(bundle, [folder / "rows.parquet"], folder)[1]


def libsvm(path, rows, labels="0", extra=""):
    lines = [
        " ".join([labels, *(f"{i + 1}:{v!r}" for i, v in enumerate(r.tolist()) if v), extra])
        for r in rows
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def arff(path, rows, names, extra=(), sparse_rows=False):
    head = ["@relation r", "@attribute id string", *(f"@attribute {n} numeric" for n in names)]
    head += [f"@attribute {e} {{0,1}}" for e in extra] + ["@data"]
    body = []
    for i, row in enumerate(rows):
        cells = [f"'=row {i}'", *(repr(v) for v in row.tolist()), *("1" for _ in extra)]
        if sparse_rows:
            pairs = [f"{j} {c}" for j, c in enumerate(cells) if c != "0.0"]
            body.append("{" + ", ".join(pairs) + "}")
        else:
            body.append(",".join(cells))
    path.write_text("\n".join([*head, *body]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("labels", ["0", "", "3,1"])
def test_libsvm_with_and_without_labels(bundle, rows, expected, tmp_path, labels):
    path = libsvm(tmp_path / "r.svm", rows, labels)
    told, found = scores(bundle, [path], tmp_path)
    assert (told.n_rows, told.ignored) == (N, ())
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-6)
    packed = tmp_path / "r.svm.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert scores(bundle, [packed], tmp_path)[1].equals(found)


def test_an_index_that_a_row_or_a_file_lacks_is_zero(bundle, tmp_path):
    x = np.zeros((40, 5), dtype=np.float32)
    x[:, 0] = np.linspace(-1, 1, 40)
    frame = pl.DataFrame(x, [c.name for c in bundle.columns])
    frame.write_parquet(tmp_path / "r.parquet")
    _, dense = scores(bundle, [tmp_path / "r.parquet"], tmp_path)
    told, found = scores(bundle, [libsvm(tmp_path / "r.svm", x, extra="9:3 12:1")], tmp_path)
    assert told.ignored == ("feature_9", "feature_12")
    np.testing.assert_allclose(numbers(found), numbers(dense), rtol=1e-6)


@pytest.mark.parametrize("kind", ["arff", "sparse arff", "npz", "sparse npz", "svm"])
def test_blocks_make_no_difference(bundle, rows, expected, tmp_path, monkeypatch, kind):
    monkeypatch.setattr("equipoise.readers._matrix_rows._MOST_ROWS", 7)
    monkeypatch.setattr("equipoise.readers._matrix_rows._FEWEST_ROWS", 7)
    monkeypatch.setattr("equipoise.readers._matrix_rows._Some.__init__.__defaults__", (7,))
    names = [column.name for column in bundle.columns]
    keep, ids = "id", [f"=row {i}" for i in range(N)]
    if "arff" in kind:
        order = [3, 0, 4, 1, 2]
        shown = [names[i] for i in order]
        path = arff(tmp_path / "r.arff", rows[:, order], shown, ["other"], kind.startswith("s"))
    elif "npz" in kind:
        path, parts = tmp_path / "r.npz", {}
        if kind.startswith("s"):
            x = sparse.csr_array(rows[:, ::-1])
            parts = {f"x_{p}": getattr(x, p) for p in ("data", "indices", "indptr", "shape")}
        else:
            parts["x"] = rows[:, ::-1]
        np.savez(path, feature_names=np.array(names[::-1]), id=np.array(ids), **parts)
    else:
        keep, ids = "qid", [7] * N
        path = libsvm(tmp_path / "r.svm", rows, "2 qid:7")
    calls = []
    told, found = scores(bundle, [path], tmp_path, keep=keep, on_rows=calls.append)
    assert calls == [7] * 17 + [1]
    assert told.ignored == (("other",) if "arff" in kind else ())
    assert found[keep].to_list() == ids
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-6)


def test_files_of_several_formats_one_below_the_other(bundle, rows, expected, tmp_path):
    names = [column.name for column in bundle.columns]
    pl.DataFrame(rows[:50], names).write_csv(tmp_path / "a.csv")
    np.savez(tmp_path / "b.npz", X=np.hstack([np.zeros((30, 1)), rows[50:80]]))
    libsvm(tmp_path / "c.libsvm", rows[80:])
    paths = [tmp_path / name for name in ("a.csv", "b.npz", "c.libsvm")]
    told, found = scores(bundle, paths, tmp_path)
    assert told.ignored == ("feature_0",)
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.svm", "0 1:1 2:x\n", "line 1: the value of a feature must be a number"),
        ("r.svm", "0 1:1\n" * 20 + "0 2:1 1:1\n", "line 21: the indices of a row must rise"),
        ("r.svm", "0 1:1\n\n0 1:1\n", "line 2: the line is blank"),
        ("r.svm", "5 5 5\n0 1:1\n", "says 5 rows, but there are 1"),
        ("r.svm", "# nothing\n", "holds no row"),
        ("r.svm", "0 1:inf\n", "the value is infinite"),
        ("r.arff", "@relation r\n@attribute a numeric\n@data\n1\n", "'feature_1'"),
        ("r.npz", "no archive", "not a whole NPZ archive"),
    ],
)
def test_a_file_that_is_damaged_is_told_with_its_line(bundle, tmp_path, name, content, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InvalidFile, match=message):
        predict_files(bundle, [tmp_path / name], tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_cannot_be_known_is_refused(bundle, rows, tmp_path):
    path = libsvm(tmp_path / "r.svm", rows)
    out = tmp_path / "out.csv"
    with pytest.raises(InvalidFile, match="trained on columns with names"):
        predict_files(bundle_of(list("abcde")), [path], out)
    with pytest.raises(InvalidInput, match="`separator` does not apply to .svm files"):
        predict_files(bundle, [path], out, separator=";")
    with pytest.raises(InvalidFile, match="no column 'id' to keep"):
        predict_files(bundle, [path], out, keep="id")
    with pytest.raises(InvalidFile, match="a row has no query id"):
        predict_files(bundle, [path], out, keep="qid")
    np.savez(tmp_path / "r.npz", x=rows[:, :3])
    with pytest.raises(InvalidFile, match=r"3 columns are not there.*'feature_3'"):
        predict_files(bundle, [tmp_path / "r.npz"], out)
    rows = rows.copy()
    rows[5, 2] = np.inf
    np.savez(tmp_path / "r.npz", x=np.hstack([rows, rows]))
    with pytest.raises(InvalidFile, match=r"row 5.*infinite"):
        predict_files(bundle, [tmp_path / "r.npz"], out)
    (tmp_path / "r.npz.gz").write_bytes(b"x")
    with pytest.raises(InvalidFile, match="not read compressed"):
        open_rows(tmp_path / "r.npz.gz")


def weather(path, outlook, windy, rows, labels=True):
    head = ["@relation r", f"@attribute outlook {{{outlook}}}", f"@attribute windy {{{windy}}}"]
    head += ["@attribute t numeric", *(["@attribute lab_x {0,1}"] if labels else []), "@data"]
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")
    return path


def test_nominal_attributes_mean_what_they_meant_in_training(tmp_path, capsys):
    rng = np.random.default_rng(0)
    kinds, winds = np.array(["sun", "rain", "fog"]), np.array(["calm", "storm"])
    cells = [
        (kinds[a], winds[b], round(t, 3))
        for a, b, t in zip(
            rng.integers(0, 3, 90), rng.integers(0, 2, 90), rng.normal(size=90), strict=True
        )
    ]
    whole = [f"{k},{w},{t},{int(w == 'storm')}" for k, w, t in cells]
    bare = [f"{k},{w},{t}" for k, w, t in cells if k != "fog"]
    train = weather(tmp_path / "t.arff", "sun,rain,fog", "calm,storm", whole)
    folder, out = tmp_path / "b", tmp_path / "out.parquet"
    assert main(["train", str(train), "-l", "lab_x", "--out", str(folder), *QUICK]) == 0
    capsys.readouterr()

    def predicted(path):
        code = main(["predict", str(folder), str(path), "--out", str(out)])
        return code, capsys.readouterr().err

    assert predicted(train)[0] == 0
    expected = pl.read_parquet(out).filter(pl.Series([k != "fog" for k, _, _ in cells]))
    # Other orders, a value that is not declared, one that is new, and no labels.
    other = weather(tmp_path / "o.arff", "hail,rain,sun", "storm,calm", bare, labels=False)
    assert predicted(other)[0] == 0
    assert pl.read_parquet(out)["probability_lab_x"].to_list() == pytest.approx(
        expected["probability_lab_x"].to_list()
    )
    for windy, message in (("calm,gale", "no other values than"), ("0,1", "no other values")):
        rows = [f"sun,{windy.split(',')[1]},1"]
        code, err = predicted(weather(tmp_path / "w.arff", "sun,rain,fog", windy, rows, False))
        assert code == 1
        assert message in err
    text = train.read_text(encoding="utf-8").replace("{calm,storm}", "{storm,calm}")
    (tmp_path / "turned.arff").write_text(text, encoding="utf-8")
    assert main(["evaluate", str(folder), str(tmp_path / "turned.arff")]) == 1
    assert "in this order" in capsys.readouterr().err
    assert main(["evaluate", str(folder), str(train), "--json"]) == 0
