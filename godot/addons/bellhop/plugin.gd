@tool
extends EditorPlugin
## Nothing needs to be enabled: the class [Bellhop] is a node like any other.
