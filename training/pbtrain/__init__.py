"""Training of PluginBridge's networks: sampling, labelling, the ViSNet twin, training, export."""
