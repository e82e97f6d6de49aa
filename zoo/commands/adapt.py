"""adapt a network to your own camera: from photos of the empty scene, in minutes, without annotation"""

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import fields

from registry import OptionError
from registry.arguments import positive
from registry.commandline import image_size, path, say, whole
from zoo.commands.train import machine_arguments, stopped_by


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--plates", metavar="DIR", help="photos of the camera without objects; one is enough")
    add("--out", type=path, metavar="RUN", help="a new folder for the result; zoo predict --weights RUN uses it")
    add(
        "--from",
        dest="start",
        metavar="WEIGHTS",
        help="weights to start from: a file, a training's folder, or a name from zoo list --weights",
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--minutes", type=positive, default=5.0, help="minutes of training; default: 5")
    amount.add_argument("--samples", type=whole(1), help="number of composites to train on, instead of a time")
    add("--size", type=image_size, help="pixels, as 224 or 224x320; default: the size of the weights' training")
    add("--textures", metavar="DIR", help="other photos to cut objects from; default: computed textures")
    add("--cutouts", metavar="DIR", help="three or more cut-outs with alpha, as additional objects")
    add("--lr", type=positive, default=1e-3, help="learning rate; default: 0.001")
    add("--seed", type=whole(0), default=0, help="random seed, of order and dropout; default: 0")
    add("--resume", action="store_true", help="continue the adaptation in --out")
    machine_arguments(parser)


def run(args: Namespace) -> int | None:
    from zoo.progress import progress
    from zoo.training import Adaptation, Setup, StoppedError, adapt

    if args.out is None:
        raise OptionError("no folder to write to; give --out RUN, a new folder")
    asked = Adaptation(**{field.name: getattr(args, field.name) for field in fields(Adaptation)})
    setup = Setup(**{field.name: getattr(args, field.name) for field in fields(Setup) if hasattr(args, field.name)})
    try:
        with progress() as tick:
            done = adapt(args.plates, args.out, asked, resume=args.resume, setup=setup, tick=tick)
    except StoppedError as stopped:
        print(stopped, file=sys.stderr)
        return stopped_by(stopped)
    say(f"{done.table()}\nwritten: {done.weights}; adaptation.json beside it has all figures")
    return None
