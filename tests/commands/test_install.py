"""Kernelspecs: written, found, started, removed."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner
from jupyter_core import paths

from assay.__main__ import main
from assay.commands._install import is_ours
from assay.protocol import KernelSpec
from assay.transport import find_kernelspec, launch
from tests.limits import HANG_LIMIT_S


@pytest.fixture
def kernels(home: Path) -> Path:
    """The user's own kernelspecs."""
    return home / "jupyter_data_dir" / "kernels"


def foreign(folder: Path) -> Path:
    """Write the kernelspec of another kernel into *folder*."""
    folder.mkdir(parents=True)
    spec = KernelSpec(argv=("other", "{connection_file}"), display_name="Other", language="o")
    (folder / "kernel.json").write_bytes(spec.to_json())
    return folder


class TestInstall:
    """``assay install``."""

    def test_kernelspec(self, kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The kernelspec says what this kernel is and can; tracebacks show Python's own source
        (public report 19)."""
        code = main(["install", "--user"])

        spec = json.loads((kernels / "assay" / "kernel.json").read_text(encoding="utf-8"))
        python = [sys.executable, "-P", "-X", "frozen_modules=off"]
        assert code == 0
        assert spec == {
            "argv": [*python, "-m", "assay", "kernel", "-f", "{connection_file}"],
            "display_name": "Python 3 (Assay)",
            "language": "python",
            "interrupt_mode": "signal",
            "env": {},
            "metadata": {"debugger": True, "supported_encryption": ["curve"]},
            "kernel_protocol_version": "5.5",
        }
        assert str(kernels / "assay") in capsys.readouterr().out

    def test_files(self, kernels: Path) -> None:
        """There are logos, and everybody may read everything."""
        main(["install", "--user"])

        folder = kernels / "assay"
        mask = os.umask(0)
        os.umask(mask)
        assert sorted(path.name for path in folder.iterdir()) == [
            "kernel.json",
            "logo-32x32.png",
            "logo-64x64.png",
            "logo-svg.svg",
        ]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o777 & ~mask
        assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o666 & ~mask}
        assert list(kernels.iterdir()) == [folder]

    def test_options(self, kernels: Path) -> None:
        """Name, display name and environment can be chosen; names are lower case."""
        words = [
            "--name",
            "Mine",
            "--display-name",
            "Meins ☃",
            "--env",
            "A",
            "1",
            "--env",
            "B",
            "2",
        ]
        code = main(["install", "--user", *words])

        spec = KernelSpec.from_json((kernels / "mine" / "kernel.json").read_bytes())
        assert code == 0
        assert spec.display_name == "Meins ☃"
        assert spec.env == {"A": "1", "B": "2"}

    def test_display_name_follows_name(self, kernels: Path) -> None:
        """A name of one's own is what menus show."""
        main(["install", "--user", "--name", "research"])

        spec = KernelSpec.from_json((kernels / "research" / "kernel.json").read_bytes())
        assert spec.display_name == "research"

    def test_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each option has its place; without one it is the place for everybody."""
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
        monkeypatch.setattr(paths, "SYSTEM_JUPYTER_PATH", [str(tmp_path / "system")])
        for words in (["--prefix", str(tmp_path / "given")], ["--sys-prefix"], []):
            assert main(["install", *words]) == 0

        assert is_ours(tmp_path / "given" / "share" / "jupyter" / "kernels" / "assay")
        assert is_ours(tmp_path / "environment" / "share" / "jupyter" / "kernels" / "assay")
        assert is_ours(tmp_path / "system" / "kernels" / "assay")

    def test_place_that_is_not_searched(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A place where Jupyter does not look is named, with the remedy."""
        main(["install", "--prefix", str(tmp_path)])

        assert f"JUPYTER_PATH={tmp_path}/share/jupyter" in capsys.readouterr().err

    def test_several_places(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Two places at once make no sense."""
        assert main(["install", "--user", "--sys-prefix"]) == 2
        assert "wanted one of --user" in capsys.readouterr().err

    def test_again(self, kernels: Path) -> None:
        """An earlier kernelspec of ours is replaced, stray files and all."""
        main(["install", "--user", "--env", "A", "1"])
        (kernels / "assay" / "stray").touch()
        code = main(["install", "--user"])

        assert code == 0
        assert list(kernels.iterdir()) == [kernels / "assay"]
        assert len(list((kernels / "assay").iterdir())) == 4
        assert find_kernelspec("assay").spec.env == {}

    def test_foreign(self, kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The kernelspec of another kernel is replaced by force only."""
        folder = foreign(kernels / "python3")
        refused = main(["install", "--user", "--name", "python3"])
        message = capsys.readouterr().err

        assert refused == 1
        assert "--force" in message
        assert not is_ours(folder)
        assert main(["install", "--user", "--name", "python3", "--force"]) == 0
        assert is_ours(folder)

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "ü"])
    def test_bad_name(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        """A name that clients would not find is refused (SPEC-01)."""
        assert main(["install", "--user", "--name", name]) == 1
        assert "wanted a name" in capsys.readouterr().err

    def test_not_writable(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A place that cannot be written is named, and others are offered."""
        (tmp_path / "share").touch()
        code = main(["install", "--prefix", str(tmp_path)])

        message = capsys.readouterr().err
        assert code == 1
        assert f"{tmp_path}/share/jupyter/kernels cannot be written" in message
        assert "--user" in message

    def test_installed_kernel_runs(self) -> None:
        """What was installed is found by name, starts, and answers."""
        main(["install", "--user", "--env", "ASSAY_TEST", "from the kernelspec"])
        with launch(find_kernelspec("ASSAY")) as kernel:
            client = kernel.client(timeout=HANG_LIMIT_S)
            answer = client.execute(
                "import os; print(os.environ['ASSAY_TEST'])", timeout=HANG_LIMIT_S
            )

        assert answer.text() == "from the kernelspec\n"
        assert kernel.exit_code == 0


class TestUninstall:
    """``assay uninstall``."""

    def test_removes_and_says_so(self, kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The kernelspec is gone, and its folder is named."""
        main(["install", "--user"])
        code = main(["uninstall", "-y"])

        assert code == 0
        assert not (kernels / "assay").exists()
        assert f"Removed {kernels / 'assay'}" in capsys.readouterr().out

    def test_everywhere_or_one_place(self, kernels: Path, home: Path, tmp_path: Path) -> None:
        """Without a place all that Jupyter finds is removed; with one only what is there."""
        main(["install", "--user"])
        main(["install", "--prefix", str(tmp_path)])
        shared = tmp_path / "share" / "jupyter" / "kernels" / "assay"
        assert main(["uninstall", "-y"]) == 0
        assert not (kernels / "assay").exists()
        assert shared.exists()

        assert main(["uninstall", "-y", "--prefix", str(tmp_path)]) == 0
        assert not shared.exists()
        assert home.exists()

    @pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
    def test_asks(self, kernels: Path, answer: str, code: int) -> None:
        """Without ``-y`` it is asked first."""
        main(["install", "--user"])
        from assay.commands import cli  # noqa: PLC0415 - the runner wants the command itself

        result = CliRunner().invoke(cli, ["uninstall"], input=answer)

        assert f"  {kernels / 'assay'}\n" in result.output
        assert result.exit_code == code
        assert (kernels / "assay").exists() is (code != 0)

    @pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (EOFError, 1)])
    def test_no_answer(
        self, kernels: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], code: int
    ) -> None:
        """Ctrl-C at the question is an interrupt, and the end of stdin is a no."""
        main(["install", "--user"])
        monkeypatch.setattr("click.termui.visible_prompt_func", Mock(side_effect=error))

        assert main(["uninstall"]) == code
        assert (kernels / "assay").exists()

    def test_nothing_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        """What does not exist cannot be removed."""
        assert main(["uninstall", "-y", "--name", "nobody"]) == 1
        assert "found none" in capsys.readouterr().err

    def test_foreign(self, kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The kernelspec of another kernel is removed by force only."""
        folder = foreign(kernels / "other")
        refused = main(["uninstall", "-y", "--name", "other"])
        message = capsys.readouterr().err

        assert refused == 1
        assert "--force" in message
        assert folder.exists()
        assert main(["uninstall", "-y", "--name", "Other", "--force"]) == 0
        assert not folder.exists()

    def test_link(self, kernels: Path, tmp_path: Path) -> None:
        """Of a kernelspec that is a link, the link is removed."""
        main(["install", "--user"])
        (kernels / "assay").rename(tmp_path / "elsewhere")
        (kernels / "assay").symlink_to(tmp_path / "elsewhere")
        code = main(["uninstall", "-y"])

        assert code == 0
        assert not (kernels / "assay").is_symlink()
        assert (tmp_path / "elsewhere" / "kernel.json").exists()


class TestList:
    """``assay list``."""

    def test_list(self, kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Every kernel has a line, as long as it needs to be."""
        main(["install", "--user"])
        foreign(kernels / "other")
        capsys.readouterr()
        code = main(["list"])

        lines = capsys.readouterr().out.splitlines()
        assert code == 0
        assert lines[0].split() == ["name", "display", "name", "language", "folder"]
        [ours] = [line.split() for line in lines if line.startswith("assay ")]
        assert ours == ["assay", "Python", "3", "(Assay)", "python", str(kernels / "assay")]
        assert any(line.startswith("other ") for line in lines)

    def test_none(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Where there are no kernels, the way to one is shown."""
        monkeypatch.setattr(paths, "SYSTEM_JUPYTER_PATH", [])
        monkeypatch.setattr(paths, "ENV_JUPYTER_PATH", [])

        assert main(["list"]) == 0
        assert "assay install --user" in capsys.readouterr().err
