"""The architectures: all that an architecture is, is in its file and in this table."""

from diffkeras.nn.architectures.architecture import Architecture
from diffkeras.nn.architectures.encoder_decoder import ENCODER_DECODER
from diffkeras.nn.architectures.fourier_neural_operator import FOURIER_NEURAL_OPERATOR
from diffkeras.nn.architectures.joined_pair import JOINED_PAIR
from diffkeras.nn.architectures.u_net import U_NET
from diffkeras.nn.architectures.unrolled_cg import UNROLLED_CG

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (ENCODER_DECODER, JOINED_PAIR, U_NET, FOURIER_NEURAL_OPERATOR, UNROLLED_CG)
}
