"""Errors a visitor may meet: each message is one sentence with the cause and the next step."""


class UserError(Exception):
    """Base of every error whose message is shown to a visitor as it is."""


class BadPrompt(UserError):
    """The prompt cannot be used as it stands."""


class BadImage(UserError):
    """The image cannot be read or used."""


class BadLayout(UserError):
    """A layout, a box or an element breaks the rules of `pipelines.types`."""


class BadSetting(UserError):
    """A setting (seed, steps, guidance, ...) lies outside its range."""


class ModelDoesNotFit(UserError):
    """A model needs more memory than the cache's budget allows."""


class NotTrained(UserError):
    """What was asked for needs an adapter that nobody has trained for this preset."""


class CheckpointMissing(UserError):
    """A checkpoint is absent, truncated or does not match its configuration."""


class NotServed(UserError):
    """No replica of a pipeline answers."""
