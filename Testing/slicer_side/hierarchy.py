"""Slicer's subject hierarchy takes in every node that a person can see; that is done by Qt code the wheel lacks."""

SHOWN = (
    "vtkMRMLVolumeNode",
    "vtkMRMLSegmentationNode",
    "vtkMRMLSequenceNode",
    "vtkMRMLSequenceBrowserNode",
    "vtkMRMLTableNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLPlotSeriesNode",
    "vtkMRMLTextNode",
    "vtkMRMLTransformNode",
    "vtkMRMLModelNode",
    "vtkMRMLMarkupsNode",
)
"""Classes that a plugin of Slicer's own modules takes into the hierarchy."""


def follow_nodes(scene) -> None:
    """Keep the hierarchy in step with the scene from now on."""
    from vtkmodules.util.misc import calldata_type
    from vtkmodules.vtkCommonCore import VTK_OBJECT

    @calldata_type(VTK_OBJECT)
    def added(_scene, _event, node):
        if not scene.IsImporting():
            take_in(scene, node)

    @calldata_type(VTK_OBJECT)
    def about_to_be_removed(_scene, _event, node):
        if scene.IsClosing() or not any(node.IsA(kind) for kind in SHOWN):
            return
        hierarchy = scene.GetSubjectHierarchyNode()
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    def imported(_scene, _event):
        for index in range(scene.GetNumberOfNodes()):
            take_in(scene, scene.GetNthNode(index))

    scene.AddObserver(scene.NodeAddedEvent, added)
    scene.AddObserver(scene.NodeAboutToBeRemovedEvent, about_to_be_removed)
    scene.AddObserver(scene.EndImportEvent, imported)


def take_in(scene, node) -> None:
    """Give a node its item under the scene, where it has none and Slicer would."""
    if node.GetHideFromEditors() or not any(node.IsA(kind) for kind in SHOWN):
        return
    hierarchy = scene.GetSubjectHierarchyNode()
    if not hierarchy.GetItemByDataNode(node):
        hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
