"""The part of Slicer's module SampleData with which another module registers its own data."""

import slicer


class SampleDataSource:
    """One entry of the list of sample data."""

    def __init__(  # noqa: PLR0917
        self,
        sampleName=None,
        sampleDescription=None,
        uris=None,
        fileNames=None,
        nodeNames=None,
        checksums=None,
        loadFiles=None,
        customDownloader=None,
        thumbnailFileName=None,
        loadFileTypes=None,
        loadFileProperties=None,
        loadFileType=None,
    ) -> None:
        several = isinstance(uris, (list, tuple))
        count = len(uris) if several else 1

        def as_list(value):
            return list(value) if several and value is not None else [value] * count

        self.sampleName, self.sampleDescription = sampleName, sampleDescription or sampleName
        self.uris, self.fileNames, self.nodeNames = as_list(uris), as_list(fileNames), as_list(nodeNames)
        self.checksums, self.loadFiles = as_list(checksums), as_list(loadFiles)
        self.loadFileTypes = as_list(loadFileTypes or loadFileType)
        self.customDownloader, self.thumbnailFileName = customDownloader, thumbnailFileName
        self.loadFileProperties = loadFileProperties or {}
        fields = (self.uris, self.fileNames, self.nodeNames, self.checksums, self.loadFiles, self.loadFileTypes)
        if len({len(field) for field in fields}) != 1:
            raise ValueError("All fields of a sample data source must have the same length")

    def __eq__(self, other) -> bool:
        return str(vars(self)) == str(vars(other))  # as Slicer does: by what is written of them

    __hash__ = None


class SampleDataLogic:
    """The list of sample data, which lies in slicer.modules.sampleDataSources by category."""

    @staticmethod
    def registerCustomSampleDataSource(category="Custom", sampleName=None, uris=None, **options) -> None:
        """Add one entry, once."""
        sources = SampleDataLogic.sampleDataSourcesByCategory().setdefault(category, [])
        source = SampleDataSource(sampleName=sampleName, uris=uris, **options)
        if source not in sources:
            sources.append(source)

    @staticmethod
    def sampleDataSourcesByCategory(category=None):
        """Return all entries by category, or those of one."""
        if not hasattr(slicer.modules, "sampleDataSources"):
            slicer.modules.sampleDataSources = {}
        every = slicer.modules.sampleDataSources
        return every if category is None else every.get(category, [])

    @staticmethod
    def click(name: str):
        """Do what the button of this sample does in Slicer (the stand-in's own function)."""
        every = SampleDataLogic.sampleDataSourcesByCategory().values()
        source = next(source for sources in every for source in sources if source.sampleName == name)
        if source.customDownloader is None:
            raise RuntimeError(f"{name} would be downloaded from {source.uris}")
        return source.customDownloader(source)
