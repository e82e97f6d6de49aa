"""Names that records hold, and that more than one room asks for."""

RECORDS = "compare.jsonl"  # in the folder of a comparison
FORMATS_RECORDS = "formats.jsonl"  # in that of a comparison of formats
SPEED, ACCURACY, MORE, CONTROL = "speed.jsonl", "accuracy.jsonl", "more.jsonl", "control.jsonl"  # of `make gpu`

MEASURES = ("cost", "latency", "throughput", "memory", "accuracy", "sensitivity")  # in the order of measuring
OF_MACHINE = ("latency", "throughput", "memory")  # measures whose result is the machine's too

FOUNDING, VARIANT = "founding", "variant"  # groups: a published network, and one of its kind with other options
OURS = "own"  # the group of the networks made here for pairs
BASELINE = "baseline"  # the group of the baselines, which are no networks
YOURS = "yours"  # the group of networks that come from no catalog

LAYOUTS = ("contiguous", "channels_last")
ENGINES = ("eager", "compile", "graph", "onnxruntime")

FORMATS = ("eager", "compile", "onnx", "onnx-fp16", "onnx-int8", "openvino", "pt2")  # in the order of tables

EQUAL, OWN, READY = "equal", "own", "weights"  # ways of training: one recipe for all, a network's own, or none here
EFFORT = "effort"  # one recipe for all, too, with a rate for each
FOR_ALL = (EFFORT, EQUAL)  # in the order of tables
READY_MADE = f"{READY}:"  # how the recipe of ready-made weights begins
WITH = " with losses "  # between a recipe and the losses that stand in place of its own
