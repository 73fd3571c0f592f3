"""The base class of plugins of Slicer's module Segment Statistics, without its check boxes."""

import slicer


class SegmentStatisticsPluginBase:
    """A group of measurements, each with a key."""

    def __init__(self) -> None:
        self.name = self.title = ""
        self.keys, self.defaultKeys = [], []
        self.requestedKeysCheckboxes = {}
        self.parameterNode = self.parameterNodeObserver = None

    @staticmethod
    def createCodedEntry(codeValue, codingScheme, codeMeaning, returnAsString=False):
        """Return a coded entry of DICOM."""
        entry = slicer.vtkCodedEntry()
        entry.SetValueSchemeMeaning(codeValue, codingScheme, codeMeaning)
        return entry.GetAsString() if returnAsString else entry

    @staticmethod
    def createMeasurementInfo(  # noqa: PLR0917
        name,
        title,
        description,
        units,
        quantityDicomCode=None,
        unitsDicomCode=None,
        measurementMethodDicomCode=None,
        derivationDicomCode=None,
        componentNames=None,
    ) -> dict:
        """Return what describes a measurement."""
        info = {"name": name, "title": title, "description": description, "units": units}
        codes = {
            "componentNames": componentNames,
            "DICOM.QuantityCode": quantityDicomCode,
            "DICOM.UnitsCode": unitsDicomCode,
            "DICOM.MeasurementMethodCode": measurementMethodDicomCode,
            "DICOM.DerivationCode": derivationDicomCode,
        }
        return info | {key: value for key, value in codes.items() if value}

    def computeStatistics(self, segmentID):
        """Return the measurements of a segment by key."""
        raise NotImplementedError

    def getMeasurementInfo(self, key):
        """Return what describes the measurement of this key."""
        raise NotImplementedError

    def toLongKey(self, key: str) -> str:
        """Return the key with the plugin's name before it."""
        return f"{type(self).__name__}.{key}"

    def toShortKey(self, key: str) -> str:
        """Return the key without it; empty where it is another plugin's."""
        start = f"{type(self).__name__}."
        return key.removeprefix(start) if key.startswith(start) else ""

    def setDefaultParameters(self, parameterNode, overwriteExisting=False) -> None:
        """Enable the plugin and its default keys where the node says nothing else."""
        if not parameterNode.GetParameter(f"{type(self).__name__}.enabled"):
            parameterNode.SetParameter(f"{type(self).__name__}.enabled", "True")
        for key in self.keys:
            parameter = f"{self.toLongKey(key)}.enabled"
            if overwriteExisting or not parameterNode.GetParameter(parameter):
                parameterNode.SetParameter(parameter, str(key in self.defaultKeys))

    def getRequestedKeys(self):
        """Return the enabled keys."""
        if self.parameterNode is None:
            return ()
        return [key for key in self.keys if self.parameterNode.GetParameter(f"{self.toLongKey(key)}.enabled") == "True"]

    def setParameterNode(self, parameterNode) -> None:
        """Take the node that says which segmentation, volume and keys."""
        self.parameterNode = parameterNode
        if parameterNode is not None:
            self.setDefaultParameters(parameterNode)
            self.parameterNodeObserver = parameterNode.AddObserver("ModifiedEvent", self.updateGuiFromParameterNode)
        self.createDefaultOptionsWidget()
        self.updateGuiFromParameterNode()

    def createDefaultOptionsWidget(self) -> None:
        """Make the form that is shown under Options."""
        import qt

        self.optionsWidget = qt.QWidget()
        qt.QFormLayout(self.optionsWidget)

    def updateGuiFromParameterNode(self, caller=None, event=None) -> None:
        """Do nothing: there are no check boxes."""

    def getParameterNode(self):
        """Return it."""
        return self.parameterNode
