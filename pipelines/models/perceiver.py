"""SA-Perceiver: gathers high-resolution tiles into a snapshot's tokens. VLSA section 3.1, eqs. (1) and (2)."""

from __future__ import annotations

import math

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.models.encoder import VisionEncoder


def fourier(centres: Tensor, cells: int, bands: int) -> Tensor:
    """Sines and cosines of positions: (..., 2) in cells [0, cells) -> (..., 4 * bands)."""
    angle = centres[..., None] / cells * (math.pi * 2.0 ** torch.arange(bands, device=centres.device))
    return torch.cat([angle.sin(), angle.cos()], -1).flatten(-2)


class SAPerceiver(ModelMixin, ConfigMixin):
    """V_Hi (m x l x d) and V_Lo (l x d) to image embeddings V (l x d) and a global embedding P (d).

    A two-layer connector first brings the encoder's width to d, as LLaVA's does. Then, as printed:

        V'_Lo = [V_Lo, q]
        (1)  Q = w_q V'_Lo,  K = V = w_kv V_Hi,  V'_Lo <- w_o1 (SiLU(Q x K) V) + V'_Lo
        (2)  V'_Lo <- w_o2 ((V'_Lo x w_k V'_Lo) + V'_Lo) V'_Lo

    Readings chosen where the paper is silent, or where shapes disagree:

    - (1) Q x K is scaled by the root of the head's width. SiLU has no normalisation of its own, and a cell of the
      snapshot is covered by m tile tokens, so the sum is divided by m: V keeps its scale whatever the image's size.
    - (1) has several heads and each adds a bias that falls with the distance between a tile token and a place near
      the cell (learned; at first one of the cell's quarters). It keeps "the spatial structure according to V_Lo",
      and lets different heads hold different quarters instead of their sum. q has no place and no such bias.
    - V_Hi and V_Lo may hold more `beside` the encoder's last layer: the tokens that enter its first layer, as in the
      Dense Connector of Yao et al. (2024), and those of a letter reader. The last layer knows what is there and has
      lost much of how it looks.
    - (2) adds an (l+1) x (l+1) matrix to an (l+1) x d one. Here the product of attention and V'_Lo is what w_o2
      maps, and V'_Lo is added: V'_Lo <- w_o2 ((V'_Lo (w_k V'_Lo)^T / (l+1)) V'_Lo) + V'_Lo, on normalised V'_Lo
      inside the brackets, without which a cubic form does not train.

    Args:
        vision: width of the vision encoder. width: d. heads: of (1) and (2). cells: side of the token grid; l =
        cells^2. bands: of the Fourier features that tell a tile token its place. beside: channels of a token after the
        first `vision` ones. projected: True = V lies in the space of a projector that was trained before, which the
        connector takes over (`from_projector`): all that is added to the snapshot's tokens begins at zero, and nothing
        is normalised at the end.
    """

    @register_to_config
    def __init__(
        self, vision: int = 256, width: int = 576, heads: int = 8, cells: int = 8, bands: int = 6, beside: int = 0,
        projected: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.connector = nn.Sequential(nn.Linear(vision, width), nn.GELU(), nn.Linear(width, width))
        if beside:
            self.beside_connector = nn.Linear(beside, width, bias=False)
            nn.init.zeros_(self.beside_connector.weight)  # at first as without it
        self.places = nn.Linear(4 * bands, width)
        self.q = nn.Parameter(0.02 * torch.randn(1, width))
        self.norm_lo, self.norm_hi, self.norm_self = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.w_q, self.w_kv, self.w_o1 = (nn.Linear(width, width) for _ in range(3))
        self.w_k, self.w_o2 = nn.Linear(width, width), nn.Linear(width, width)
        quarters = torch.tensor([[-0.25, -0.25], [-0.25, 0.25], [0.25, -0.25], [0.25, 0.25]])
        self.offset = nn.Parameter(quarters.repeat(math.ceil(heads / 4), 1)[:heads])  # (heads, 2), in cells
        self.level = nn.Parameter(torch.full((heads,), 2.0))
        self.fall = nn.Parameter(torch.full((heads,), 24.0).log())
        self.norm_out = nn.Identity() if projected else nn.LayerNorm(width)
        if projected:
            for layer in (self.places, self.w_o1, self.w_o2):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)
        grid = torch.arange(cells) + 0.5
        centres = torch.stack(torch.meshgrid(grid, grid, indexing="ij"), -1).flatten(0, 1)  # (l, 2)
        self.register_buffer("centres", centres, persistent=False)

    @classmethod
    def from_projector(cls, first: nn.Linear, second: nn.Linear, heads: int, cells: int) -> SAPerceiver:
        """One whose V is, before any training, what a projector of two layers, as LLaVA's, makes of the snapshot.

        Args:
            first, second: its layers; their weights are copied. heads, cells: see the class.
        """
        made = cls(first.in_features, second.out_features, heads, cells, projected=True)
        made.connector[0].load_state_dict(first.state_dict())
        made.connector[2].load_state_dict(second.state_dict())
        return made

    def bias(self, centres: Tensor) -> Tensor:
        """Of (1): tile-token centres (B or 1, n, 2) -> (B or 1, heads, l + 1, n)."""
        wanted = self.centres[None] + self.offset[:, None]  # (heads, l, 2)
        distance = (wanted[None, :, :, None] - centres[:, None, None]).square().sum(-1)  # (B, heads, l, n)
        local = self.level[:, None, None] - self.fall.exp()[:, None, None] * distance
        return F.pad(local.clamp_min(-30.0), (0, 0, 0, 1))  # q: no bias

    def split(self, x: Tensor) -> Tensor:
        """(B, n, width) -> (B, heads, n, width / heads)."""
        return x.unflatten(-1, (self.config.heads, -1)).transpose(1, 2)

    def connect(self, tokens: Tensor) -> Tensor:
        """The encoder's tokens (..., vision + beside) -> (..., width)."""
        if not self.config.beside:
            return self.connector(tokens)
        last, beside = tokens.split([self.config.vision, self.config.beside], -1)
        return self.connector(last) + self.beside_connector(beside)

    def forward(self, v_lo: Tensor, v_hi: Tensor, centres: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Merge.

        Args:
            v_lo: (B, l, vision + beside) tokens of the snapshot. v_hi: (B, m, l, vision + beside) tokens of the tiles;
            m = 0 is the ablation "low resolution only". centres: (B or 1, m, l, 2) (y, x) of each tile token in cells
            [0, cells); 1 where all images have the same grid of tiles.

        Returns:
            V (B, l, width), P (B, width), weights of (1) summed over heads (B, l + 1, m * l).
        """
        lo = self.connect(v_lo) + self.places(fourier(self.centres, self.config.cells, self.config.bands))
        x = torch.cat([lo, self.q.expand(len(lo), 1, -1)], 1)  # V'_Lo (B, l + 1, width)
        m = v_hi.shape[1]
        weights = x.new_zeros(len(x), x.shape[1], 0)
        if m:
            x, weights = self.gather(x, v_hi.flatten(1, 2), centres.flatten(1, 2).to(x), m)
        x = self.norm_out(x + self.w_o2(self.exchange(self.norm_self(x))))
        return x[:, :-1], x[:, -1], weights

    def gather(self, x: Tensor, v_hi: Tensor, centres: Tensor, m: int) -> tuple[Tensor, Tensor]:
        """Eq. (1): x (B, l + 1, width), v_hi (B, m l, vision + beside) -> x, weights (B, l + 1, m l)."""
        hi = self.connect(v_hi) + self.places(fourier(centres, self.config.cells, self.config.bands))
        q, kv = self.split(self.w_q(self.norm_lo(x))), self.split(self.w_kv(self.norm_hi(hi)))
        logits = q @ kv.mT / q.shape[-1] ** 0.5 + self.bias(centres)
        weights = F.silu(logits) / m  # (B, heads, l + 1, m l)
        gathered = (weights.to(kv.dtype) @ kv).transpose(1, 2).flatten(2)  # (B, l + 1, width)
        return x + self.w_o1(gathered), weights.sum(1)

    def exchange(self, x: Tensor) -> Tensor:
        """The bracket of eq. (2) on normalised x (B, l + 1, width)."""
        heads, keys = self.split(x), self.split(self.w_k(x))
        attention = heads @ keys.mT / (keys.shape[-1] ** 0.5 * x.shape[1])  # (B, heads, l + 1, l + 1)
        return (attention @ heads).transpose(1, 2).flatten(2)


def by_tile(grid: Tensor, frame: tuple[int, int], cells: int = 8) -> Tensor:
    """What stands at all tile tokens of a frame (B, cells R, cells C, ...) -> (B, R C, cells^2, ...), tile by tile."""
    cut = grid.unflatten(2, (frame[1], cells)).unflatten(1, (frame[0], cells)).transpose(2, 3)
    return cut.flatten(3, 4).flatten(1, 2)


def assembled(tiles: Tensor, frame: tuple[int, int]) -> Tensor:
    """Tiles (B, R C, 3, S, S), row by row -> the frame that they were cut from (B, 3, S R, S C)."""
    rows = tiles.unflatten(1, frame).permute(0, 3, 1, 4, 2, 5)  # (B, 3, R, S, C, S)
    return rows.flatten(4, 5).flatten(2, 3)


def encode_views(
    vision: VisionEncoder, snapshot: Tensor, tiles: Tensor, frame: tuple[int, int], beside: bool = False
) -> tuple[Tensor, Tensor]:
    """One pass of the vision encoder over snapshots (B, 3, S, S) and tiles (B, m, 3, S, S), pixels in [-1, 1].

    Args:
        frame: R and C, the rows and columns of tiles; m = R C or 0. beside: append to each token the one that enters
        the first layer, and the letter reader's where there is one, which sees the frame in one piece.

    Returns:
        V_Lo (B, l, d) and V_Hi (B, m, l, d), d = width (+ `vision.beside`); the class token is left out.
    """
    b, m = tiles.shape[:2]
    pixels = torch.cat([snapshot, tiles.flatten(0, 1)])  # (B + B m, 3, S, S)
    tokens = vision.tokens(pixels, beside)  # (B + B m, l, d)
    lo, hi = tokens[:b], tokens[b:].unflatten(0, (b, m))
    if not beside or not vision.config.reader:
        return lo, hi
    lo = torch.cat([lo, by_tile(vision.letters(snapshot), (1, 1))[:, 0].to(lo)], -1)
    if not m:
        return lo, hi.new_zeros(b, 0, *lo.shape[1:])
    return lo, torch.cat([hi, by_tile(vision.letters(assembled(tiles, frame)), frame).to(hi)], -1)
