"""Silero VAD, the network that hears whether somebody speaks, as it lies inside faster-whisper, run by onnxruntime.

See https://github.com/snakers4/silero-vad. Neither library is imported before the network is first wanted.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

CONTEXT = 64
"""Samples before each frame that the network hears with it."""


class SileroScorer:
    """Silero VAD over one recording's frames, in order: it remembers what it has heard."""

    def __init__(self) -> None:
        self._session = _session()
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        heard = {"input": np.ascontiguousarray(frames), "h": self._hidden, "c": self._cell}
        found, self._hidden, self._cell = self._session.run(None, heard)
        return found


@functools.cache
def detector_problem() -> str | None:
    """Why Silero VAD cannot be run here, in words; None if it can."""
    try:
        _session()
    # onnxruntime has errors of its own, with no base in common but Exception.
    except Exception as error:  # noqa: BLE001 - whatever it is, loudness stands in for the network
        return str(error) or type(error).__name__
    return None


@functools.cache
def _session() -> Any:
    """The network, shared by all threads: a run keeps nothing in it, and takes one thread, the caller's."""
    found = importlib.util.find_spec("faster_whisper")  # importing it would load ctranslate2, av and more
    if found is None or found.origin is None:
        raise ImportError("faster-whisper is not installed")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it keeps what the largest batch took
    options.log_severity_level = 4
    model = (Path(found.origin).parent / "assets" / "silero_vad_v6.onnx").read_bytes()
    with contextlib.suppress(ValueError):  # another release: as it is, only slower
        model = frames_as_rows(model)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def frames_as_rows(model: bytes) -> bytes:
    """The same network, with the frames of a batch as the rows of one picture: a third of the time, the same figures.

    As published each frame is a sound of its own, (frames, channels, 4), and onnxruntime multiplies matrices of four
    columns, for which its kernels are far too wide. As (1, channels, frames, 4) the same convolutions, with kernels of
    one row, are one product. Measured: 0.50 s instead of 1.43 s for 800 s of sound, outputs 5e-6 apart at most.
    ValueError if the model is none that is built so.
    """
    network = _model_class().FromString(model)
    graph = network.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes: dict[str, list[Any]] = {kind: [] for kind in ("Pad", "Unsqueeze", "Conv", "Slice", "Transpose", "LSTM")}
    for node in graph.node:
        nodes.get(node.op_type, []).append(node)
    if [len(found) for found in nodes.values()] != [1, 1, 6, 2, 2, 1]:
        raise ValueError("the speech detector is built in another way than was expected")

    graph.initializer.add(name="rows", data_type=_INT64, dims=[2], raw_data=_int64(0, 1))
    nodes["Unsqueeze"][0].input[1] = "rows"
    for node in nodes["Conv"][:-1]:  # the last one comes after the LSTM
        weight = tensors[node.input[1]]
        weight.dims[:] = [*weight.dims[:2], 1, weight.dims[2]]
        for attribute in node.attribute:
            if attribute.name == "pads":
                attribute.ints[:] = [0, attribute.ints[0], 0, attribute.ints[1]]
            elif attribute.name in ("kernel_shape", "strides", "dilations"):
                attribute.ints[:] = [1, *attribute.ints]
    # Of five columns of the spectrum the slices drop the first, which half of the mirrored edge is for.
    _replace(tensors[nodes["Pad"][0].input[1]], (0, 128, 0, 128), (0, 0, 0, 128))
    real, imaginary = nodes["Slice"]
    _replace(tensors[real.input[1]], (0, 1), (0, 0))
    _replace(tensors[imaginary.input[1]], (129, 1), (129, 0))
    _replace(tensors[real.input[3]], (1, 2), (1, 3))  # the axes, of both slices
    # (1, channels, frames, 1) to (frames, 1, channels), which the LSTM takes.
    transpose = nodes["Transpose"][0]
    target = transpose.output[0]
    transpose.output[0] = "columns"
    next(attribute for attribute in transpose.attribute if attribute.name == "perm").ints[:] = [2, 3, 0, 1]
    graph.initializer.add(name="one", data_type=_INT64, dims=[1], raw_data=_int64(1))
    squeeze = type(transpose)(op_type="Squeeze", input=["columns", "one"], output=[target])
    graph.node.insert(list(graph.node).index(transpose) + 1, squeeze)
    del graph.value_info[:]  # the shapes between, which are others now
    return network.SerializeToString()


_INT64 = 7


def _int64(*values: int) -> bytes:
    return np.array(values, "<i8").tobytes()


def _replace(tensor: Any, old: tuple[int, ...], new: tuple[int, ...]) -> None:
    if tensor.raw_data != _int64(*old):
        raise ValueError(f"the speech detector has other numbers than were expected in {tensor.name}")
    tensor.raw_data = _int64(*new)


@functools.cache
def _model_class() -> Any:
    """ONNX's `ModelProto` with the fields that `frames_as_rows` touches; all others are kept as they are.

    Numbers and types: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. The package `onnx` itself is large.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="silero.proto", package="silero", syntax="proto2")
    for message, fields in {
        "TensorProto": {
            "dims": (1, "int64*"),
            "data_type": (2, "int32"),
            "name": (8, "string"),
            "raw_data": (9, "bytes"),
        },
        "AttributeProto": {"name": (1, "string"), "ints": (8, "int64*")},
        "NodeProto": {
            "input": (1, "string*"),
            "output": (2, "string*"),
            "op_type": (4, "string"),
            "attribute": (5, "AttributeProto*"),
        },
        "GraphProto": {"node": (1, "NodeProto*"), "initializer": (5, "TensorProto*"), "value_info": (13, "bytes*")},
        "ModelProto": {"graph": (7, "GraphProto")},
    }.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            field = described.field.add(name=name, number=number)
            field.label = kinds.LABEL_REPEATED if kind.endswith("*") else kinds.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            if kind.endswith("Proto"):
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".silero.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("silero.ModelProto"))
