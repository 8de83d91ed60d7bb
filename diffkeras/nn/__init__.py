"""Models, layers, losses and metrics that run on every Keras backend.

The public names are loaded when they are first used: configurations read the table of
`diffkeras.nn.architectures`, and must not load Keras.
"""

from diffkeras.system.packages import lazy_names

_MODULES = {
    "AlternateLosses": "diffkeras.nn.losses",
    "ConvolutionalMuon": "diffkeras.nn.muon",
    "LatticeOperator": "diffkeras.nn.equation.equations",
    "default_metrics": "diffkeras.nn.metrics",
    "encoder_decoder": "diffkeras.nn.architectures.encoder_decoder",
    "fourier_neural_operator": "diffkeras.nn.architectures.fourier_neural_operator",
    "get_loss": "diffkeras.nn.losses",
    "joined_pair": "diffkeras.nn.architectures.joined_pair",
    "pack_target": "diffkeras.view.target",
    "padded": "diffkeras.nn.layers",
    "region_metrics": "diffkeras.nn.metrics",
    "u_net": "diffkeras.nn.architectures.u_net",
    "unpack_target": "diffkeras.view.target",
    "unrolled_cg": "diffkeras.nn.architectures.unrolled_cg",
    "with_corrections": "diffkeras.nn.equation.corrections",
    "with_fixed_values": "diffkeras.nn.equation.corrections",
}
_SUBMODULES = ("architectures", "layers", "losses", "metrics")

__all__ = [*_MODULES, *_SUBMODULES]

__getattr__, __dir__ = lazy_names(__name__, _MODULES, _SUBMODULES, tensorflow=__all__)
