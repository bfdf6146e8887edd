"""Training of the preset `full`: accelerate's engines, streamed data, adapters on pretrained parts."""
