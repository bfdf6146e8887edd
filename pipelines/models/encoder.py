"""The aligned encoder: MiniLM with LoRA for words, a small CLIP vision tower for pictures, CCM over both levels.

VLAD paper, section III-B: the "LVLM" extracts t_g from the prompt and {t_i} from its elements; eq. (2) composes
them, eq. (3) aligns the result with v, eq. (10) keeps the trained part of the pretrained encoder low-rank.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPVisionConfig, CLIPVisionModel, PreTrainedModel

from pipelines.models.reader import LetterReader

SPELLING = 0.4  # of a letter beside the whole of eq. (3): retrieval@1 of 2,048 posters of the training split is highest


def pooled(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of a mask, scaled to unit variance: (B, L, D), (B, L) -> (B, D)."""
    weight = mask.to(hidden.dtype)[..., None]
    mean = (hidden * weight).sum(1) / weight.sum(1).clamp_min(1)
    return F.normalize(mean.float(), dim=-1) * mean.shape[-1] ** 0.5


class TextEncoder(nn.Module):
    """A pretrained sentence encoder whose attention is adapted by LoRA.

    Eq. (10): dW = A B^T with rank k << d, by peft on the query and value projections. t_g comes from the adapted
    weights. Each t_i is the mean over the tokens of its span, encoded on its own with the adapter off: one name has
    one embedding wherever it stands in a prompt, so the sketch head can learn it and it can be cached; its context
    is CCM's business.

    Args:
        backbone: a BERT-like model with hidden size D.
        rank: LoRA's k.
    """

    def __init__(self, backbone: PreTrainedModel, rank: int = 8) -> None:
        super().__init__()
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["query", "value"], lora_dropout=0.0)
        with warnings.catch_warnings():  # peft asks transformers for an attribute that has been renamed
            warnings.simplefilter("ignore", FutureWarning)
            self.lora = get_peft_model(backbone, config)
        self.width: int = backbone.config.hidden_size

    def prompts(self, ids: Tensor, mask: Tensor) -> Tensor:
        """t_g: token ids and mask (B, L) -> (B, D)."""
        return pooled(self.lora(input_ids=ids, attention_mask=mask).last_hidden_state, mask)

    @torch.no_grad()
    def phrases(self, ids: Tensor, mask: Tensor) -> Tensor:
        """t_i: token ids and mask of element phrases (M, L) -> (M, D)."""
        with self.lora.disable_adapter():
            return pooled(self.lora(input_ids=ids, attention_mask=mask).last_hidden_state, mask)


class Gather(nn.Module):
    """What the global token reads off all composed ones, by attention and an MLP; both start at zero.

    Args:
        width: of the tokens. heads: of the attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        out: nn.Linear = self.attention.out_proj
        last = nn.Linear(4 * width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), last)
        for linear in (out, last):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, tokens: Tensor, keep: Tensor) -> Tensor:
        """(B, 1 + M, width), (B, 1 + M) bool, True where there is a token -> (B, width)."""
        x = tokens[:, :1]
        x = x + self.attention(self.norm(x), tokens, tokens, key_padding_mask=~keep, need_weights=False)[0]
        return (x + self.mlp(self.between(x)))[:, 0]


class CCM(ModelMixin, ConfigMixin):
    """Contextual Composition Module, VLAD eq. (2): t = f_CCM(t_g, {t_i}).

    A transformer over one global and M local tokens. Each local token knows its kind and its place in the prompt.

    Args:
        text_width: D of t_g and t_i.
        width: size of the composed tokens and of the aligned space.
        kinds: number of element kinds (background, panel, object, text).
        gather: heads of the attention through which all composed tokens are read into the space of eq. (3); 0 = t
        itself is compared with pictures.
    """

    @register_to_config
    def __init__(
        self,
        text_width: int = 384,
        width: int = 256,
        layers: int = 3,
        heads: int = 4,
        kinds: int = 4,
        slots: int = 48,
        gather: int = 0,
    ) -> None:
        super().__init__()
        self.global_in = nn.Linear(text_width, width)
        self.local_in = nn.Linear(text_width, width)
        self.kind = nn.Embedding(kinds, width)
        self.order = nn.Embedding(slots, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.mixer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.pool = nn.Linear(width, width)
        if gather:
            self.reading, self.project = Gather(width, gather), nn.Linear(width, width)

    def aligned(self, tokens: Tensor, keep: Tensor) -> Tensor:
        """What eq. (3) compares with v, as CLIP projects what it has pooled; t, which guides, stays as it is.

        Args:
            tokens: composed, (B, 1 + M, width). keep: (B, 1 + M) bool, True where there is a token.

        Returns:
            (B, width).
        """
        return self.project(self.reading(tokens, keep)) if self.config.gather else self.pool(tokens[:, 0])

    def forward(self, t_g: Tensor, t_i: Tensor, kinds: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Compose.

        Args:
            t_g: (B, D). t_i: (B, M, D). kinds: (B, M) long. mask: (B, M) bool, True where there is an element. All
            False is
                the ablation "without CCM": t_g alone.

        Returns:
            tokens (B, 1 + M, width), zero where masked, and the pooled t (B, width).
        """
        places = torch.arange(t_i.shape[1], device=t_i.device)
        local = self.local_in(t_i) + self.kind(kinds) + self.order(places)
        x = torch.cat([self.global_in(t_g)[:, None], local], 1)  # (B, 1 + M, width)
        keep = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
        x = self.norm(self.mixer(x, src_key_padding_mask=~keep)) * keep[..., None]
        return x, self.pool(x[:, 0])


class StemmedPatches(nn.Module):
    """A patch embedding with four strided convolutions beside it: (B, 3, S, S) -> (B, width, S/16, S/16).

    Letters stand at any offset within a patch; convolutions know that without being taught. They start at zero, so a
    trained patch embedding keeps its meaning.
    """

    def __init__(self, patches: nn.Conv2d, channels: int) -> None:
        super().__init__()
        self.patches = patches
        sizes = (patches.in_channels, channels, 2 * channels, 4 * channels)
        layers: list[nn.Module] = []
        for a, b in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GroupNorm(8, b), nn.SiLU()]
        last = nn.Conv2d(sizes[-1], patches.out_channels, 3, stride=2, padding=1)
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
        self.stem = nn.Sequential(*layers, last)

    @property
    def weight(self) -> Tensor:
        """`CLIPVisionModel` asks it for its type."""
        return self.patches.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.patches(x) + self.stem(x)


class VisionEncoder(ModelMixin, ConfigMixin):
    """`CLIPVisionModel` with a projection into the aligned space: (B, 3, S, S) in [-1, 1] -> v (B, out).

    Args:
        image_size: S. patch: 16 where there is a stem. width, layers, heads: of the transformer. out: aligned width.
        activation: CLIP's own by default; VLSA trains on with the nearly equal "gelu", which is one operation.
        stem: channels of the first convolution of `StemmedPatches`; 0 = CLIP's plain patches. reader: width of the
        `LetterReader` beside the tower; 0 = none. alphabet: classes of letters that it names.
    """

    @register_to_config
    def __init__(
        self,
        image_size: int = 128,
        patch: int = 16,
        width: int = 256,
        layers: int = 6,
        heads: int = 4,
        out: int = 256,
        activation: str = "quick_gelu",
        stem: int = 0,
        reader: int = 0,
        alphabet: int = 0,
    ) -> None:
        super().__init__()
        self.vision = CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=width,
                intermediate_size=4 * width,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                image_size=image_size,
                patch_size=patch,
                hidden_act=activation,
            )
        )
        if stem:
            embeddings: Any = self.vision.embeddings
            embeddings.patch_embedding = StemmedPatches(embeddings.patch_embedding, stem)
        self.project = nn.Linear(width, out, bias=False)
        if reader:
            self.letters = LetterReader(reader, alphabet)

    @property
    def beside(self) -> int:
        """Channels of VLSA's tokens beside those of the last layer: the first layer's, and the letter reader's."""
        return self.config.width + (self.letters.channels if self.config.reader else 0)

    def tokens(self, x: Tensor, first: bool = False) -> Tensor:
        """The last layer's tokens without the class token: (B, 3, S, S) in [-1, 1] -> (B, (S / patch)^2, width).

        Args:
            first: append to each token the one that enters the first layer: (B, (S / patch)^2, 2 width).
        """
        seen = self.vision(pixel_values=x, output_hidden_states=first)
        last = seen.last_hidden_state[:, 1:]
        return torch.cat([last, seen.hidden_states[0][:, 1:]], -1) if first else last

    def forward(self, x: Tensor) -> Tensor:
        size = self.config.image_size
        if x.shape[-1] != size:
            x = F.interpolate(x, (size, size), mode="area")
        return self.project(self.vision(pixel_values=x).pooler_output)

    def letter_counts(self, x: Tensor) -> Tensor | None:
        """How many of each letter the reader expects in pictures (B, 3, S, S): (B, alphabet - 1); None without one.

        It reads at most twice the side that the tower sees.
        """
        if not (self.config.reader and self.config.alphabet):
            return None
        side = 2 * self.config.image_size
        return self.letters.counts(x if x.shape[-1] <= side else F.interpolate(x, (side, side), mode="area"))


def spelled(aligned: Tensor, letters: Tensor | None) -> Tensor:
    """Embeddings of eq. (3) with the letters that are asked for or read beside them.

    A sentence encoder hides the letters of a word, and a tower of small pictures cannot read them; so both sides count
    them, as character-aware text encoders do for drawing (Liu et al., arXiv 2212.10562).

    Args:
        aligned: (B, d) t or v. letters: (B, n) how many of each there are; None = only the direction of `aligned`.

    Returns:
        (B, d + n), or (B, d) without letters; their cosine is what is compared.
    """
    unit = F.normalize(aligned.float(), dim=-1)
    return unit if letters is None else torch.cat([unit, SPELLING * letters.log1p()], -1)


def alignment_loss(t: Tensor, v: Tensor, temperature: Tensor | float) -> Tensor:
    """L_align, VLAD eq. (3), averaged with the same loss from picture to text as CLIP does.

    Args:
        t: (N, d) composed text embeddings. v: (N, d) image embeddings of the same N pairs. temperature: tau.

    Returns:
        A scalar; log(N) for chance.
    """
    cosine = F.normalize(t.float(), dim=-1) @ F.normalize(v.float(), dim=-1).T / temperature  # (N, N)
    target = torch.arange(len(t), device=t.device)
    return (F.cross_entropy(cosine, target) + F.cross_entropy(cosine.T, target)) / 2


def objective(l_align: Tensor, l_diff: Tensor, weight: float) -> Tensor:
    """L = L_align + lambda L_diff, VLAD eq. (8)."""
    return l_align + weight * l_diff
