"""Every format of a file that is read: its schema, documents that hold all of its texts, and its reader."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock

import jax.numpy as jnp
import numpy as np
import onnx

from expifref.files.documents import json_schema, parse, plain
from expifref.files.limits import MODEL, RESUME
from expifref.files.tensors import read_tensors, write_tensors
from expifref.network.architecture import Architecture, initial_description
from expifref.network.description import FeedDescription
from expifref.network.model_document import ModelDocument
from expifref.network.model_files import ModelFile, read_model, save_model
from expifref.training.progress import EpochReport
from expifref.training.resume import TrainingState, load_state, save_state
from expifref.training.resume_file import ResumeDocument
from expifref.training.step import Carry
from exporters.deployment.assemble import program_of
from exporters.deployment.document import Deployment, deployment_from_json
from exporters.deployment.make import deploy
from exporters.onnx.executor import OnnxExecutor
from exporters.onnx.interface import Interface, interface_of
from hw_profiles import SCHEMA_PATH, load_profile, parse_profile
from quantize.graph.layers import Graph, LayerState
from quantize.graph.operations import Constant, StateBefore
from quantize.numbers import arrays
from quantize.numbers.arrays import Matrices, frozen
from quantize.numbers.formats import Format as NumberFormat
from quantize.program.file import program_from_json
from quantize.program.golden import record
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.program.sealed import (
    Canonical,
    canonical_digest,
    document_schema,
    read_document,
    rfc8785_form,
    sorted_ascii,
    to_document,
)
from quantize.program.version1.program import Program1
from quantize.program.version1.translation import translated
from quantize.search import Finished, Outcome, Question, finished_points
from quantize.search.evaluation import Losses
from quantize.tables.design import table_sha256
from tests.exporters.models import sequence_of
from tests.graphs import random_graph
from tests.networks import lowered, network, replace_layer
from tests.programs import random_program_1

__all__ = ["Format", "formats", "small_program"]

T = TypeVar("T")
Document = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """A format, and good documents of it."""

    name: str
    schema: Document
    documents: tuple[Document, ...]
    read: Callable[[Document], object]  # raises what a command turns into one sentence


def small_program() -> Program:
    """A program with all that one can have: several tables and layers, synapses, a trace, notes, a rule."""
    description = network((1, 2, 1), tau=np.array([10e-3, 20e-3]))
    program = lowered(description, "generic-8bit")
    evidence = replace(program.evidence, notes=("a note", "another one"))
    return replace(program, evidence=evidence, decision="last")


def formats(folder: Path) -> tuple[Format, ...]:
    """All formats; files are written into `folder` where a reader takes only those."""
    return (
        _program_1(folder),
        _program(folder),
        _deployment(folder),
        _profile(),
        _model(folder),
        _resume(folder),
        _onnx(),
        _question(),
        _trial(),
    )


def _program_1(folder: Path) -> Format:
    """Version 1, with all that a program can have."""
    whole = small_program()
    program = replace(random_program_1(5, layers=3, readout=True), evidence=whole.evidence)
    golden = record(translated(program))

    def read(document: Document, matrices: Matrices) -> object:
        return program_from_json(document, "`p.json`", matrices)

    return _sealed("program 1", Program1, (replace(program, golden=golden),), read, folder)


def _program(folder: Path) -> Format:
    """Programs with all that the lowering writes, every operation, and numbers that are texts."""
    whole = small_program()
    bare = replace(whole, evidence=replace(whole.evidence, profile={}), golden=None)
    wide = replace(bare, graph=_wide())
    programs = (whole, bare, replace(wide, golden=record(wide)))

    def read(document: Document, matrices: Matrices) -> object:
        return program_from_json(document, "`p.json`", matrices)

    return _sealed("program", Program, programs, read, folder, rfc8785_form)


def _wide() -> Graph:
    """Every operation, and numbers that are texts wherever there may be some."""
    graph = random_graph(2)
    layer = next(layer for layer in graph.layers if layer.tables and layer.units > 1)
    table, fmt = next(iter(layer.tables.values())), NumberFormat(True, 62, 0)
    one, each = frozen([1 << 60]), frozen([1 << 60] * layer.units)
    states = {name: LayerState(fmt, initial) for name, initial in (("wide", one), ("widest", each))}
    many = replace(table, values=frozen([1 << 60] * 2), format=fmt)
    wide = replace(
        layer,
        constants=layer.constants | {"wide": one, "widest": each},
        states=layer.states | states,
        tables=layer.tables | {"wide": replace(many, sha256=table_sha256(many.values))},
        body=(
            *layer.body,
            *(StateBefore(f"{name}_before", name) for name in states),
            *(Constant(f"{name}_value", name) for name in states),
        ),
        next=layer.next | {name: f"{name}_before" for name in states},
    )
    return replace(graph, layers=tuple(wide if one is layer else one for one in graph.layers))


def _deployment(folder: Path) -> Format:
    program, profile = small_program(), load_profile("generic-8bit")
    label = label_of(program)
    with mock.patch("exporters.deployment.make.LARGE", 0):
        words = tuple(deploy(graph, label, profile) for graph in (program.graph, _wide()))
    deployments = (deploy(program.graph, label, profile), deploy(_wide(), label, profile), *words)

    def read(document: Document, matrices: Matrices) -> object:
        return program_of(deployment_from_json(document, "`d.json`", matrices))

    return _sealed("deployment", Deployment, deployments, read, folder, rfc8785_form)


def _sealed(
    name: str,
    cls: type[T],
    values: tuple[T, ...],
    read: Callable[[Document, Matrices], object],
    folder: Path,
    canonical: Canonical = sorted_ascii,
) -> Format:
    """The format of sealed documents: some of `values` as they are, the last one with its matrices beside.

    What is read is sealed anew, unless the seal itself was changed.
    """
    matrices = Matrices()
    with _everything_is_large():
        beside = to_document(cls, values[-1], matrices, canonical=canonical)
    beside |= {"side_file": "weights.safetensors"}
    documents = (*(to_document(cls, value, canonical=canonical) for value in values), beside)
    seals = {document["digest"] for document in documents}

    def sealed(document: Document) -> object:
        if document["digest"] in seals:
            with suppress(ValueError):  # of half a letter no digest is right
                document = document | {"digest": canonical_digest(document, canonical)}
        if "side_file" not in document:
            return read(document, Matrices())
        if document["side_file"] != beside["side_file"]:
            path = folder / "sealed.json"
            path.write_text(json.dumps(document))
            return read_document(path)
        with _everything_is_large():
            return read(document, matrices)

    return Format(name, document_schema(cls), documents, sealed)


@contextmanager
def _everything_is_large() -> Iterator[None]:
    """Matrices of any size lie beside their document."""
    with mock.patch.object(arrays, "LARGE", 0), mock.patch("exporters.deployment.make.LARGE", 0):
        yield


def _profile() -> Format:
    schema = json.loads(SCHEMA_PATH.read_text())
    documents = tuple(load_profile(name).document for name in ("generic-16bit", "loihi1"))
    return Format("profile", schema, documents, lambda document: parse_profile(document, "own.json"))


HERE = {"jax": "0.10.2", "machine": "x86_64"}
"""An environment of training."""


def _model(folder: Path) -> Format:
    architecture = Architecture(2, 2, hidden=(2,), tau_synapse=2.0)
    path = folder / "model.safetensors"
    plain = initial_description(architecture)
    own = FeedDescription("layer0", np.ones((2, 2)), np.array([1]))
    recurrent = replace_layer(plain, 0, feeds=(*plain.layers[0].feeds, own))
    model = ModelFile(recurrent, architecture, {"test_accuracy": 0.5}, (HERE,))
    save_model(path, model)
    tensors, document = read_tensors(path, "expifref-model", 1, MODEL)

    def read(changed: Document) -> object:
        write_tensors(path, tensors, "expifref-model", changed)
        return read_model(path)

    return Format("model", json_schema(ModelDocument), (document,), read)


def _resume(folder: Path) -> Format:
    path, carry = folder / "model.safetensors.resume", Carry({"w": jnp.zeros(1)}, ())
    identity = {"dataset": "digits", "network": {"hidden": [3], "encoder": "rate"}}
    save_state(path, TrainingState(carry, (EpochReport(1, 0.5, 0.5, 9.0, None),), (HERE,)), identity)
    tensors, document = read_tensors(path, "expifref-resume", 1, RESUME)

    def read(changed: Document) -> object:
        write_tensors(path, tensors, "expifref-resume", changed)
        return load_state(path, carry, identity)

    return Format("resume", json_schema(ResumeDocument), (document,), read)


def _onnx() -> Format:
    model = sequence_of(small_program())
    document = plain(Interface, interface_of(model))

    def read(changed: Document) -> object:
        other = onnx.ModelProto()
        other.CopyFrom(model)
        del other.metadata_props[:]
        for key, value in changed["metadata"].items():
            # What has another prefix is another tool's, and is not read.
            other.metadata_props.add(key=f"expifref.{key.removeprefix('expifref.')}", value=value)
        for part in ("inputs", "outputs"):
            for entry, name in zip(getattr(other.graph, part.rstrip("s")), changed[part], strict=True):
                entry.name = name
        return OnnxExecutor(other)

    return Format("onnx", json_schema(Interface), (document,), read)


def _question() -> Format:
    question = Question("1" * 64, "generic-16bit", "2" * 64, "digits", "3" * 64, 10, "spikes=5%", 0)
    return Format(
        "study",
        json_schema(Question),
        (asdict(question),),
        lambda document: parse(Question, document, "the question of the study"),
    )


def _trial() -> Format:
    params: dict[str, bool | int | str] = {"weight_bits": 4, "ranges": "mse", "bias_correction": False}
    outcome = Outcome(1, 2, Losses(0.5, 0.5, 0.1), f"sha256:{'4' * 64}", "too small")
    document = {"params": params, "outcome": asdict(outcome)}

    def read(changed: Document) -> object:
        attributes = {"outcome": changed["outcome"]}
        trial = SimpleNamespace(number=3, params=changed["params"], user_attrs=attributes)
        return finished_points(SimpleNamespace(get_trials=lambda **_: [trial]))

    return Format("trial", json_schema(Finished), (document,), read)
