-- The tables that the recorder writes, as flavour esrf has them: types, lengths,
-- character sets, enumerations and foreign keys. Written from docs/reference/ispyb.md;
-- columns that the recorder neither reads nor writes are here where they are mandatory.
CREATE TABLE Person (
  personId int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  login varchar(45)
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE Proposal (
  proposalId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  personId int(10) unsigned NOT NULL DEFAULT 0,
  title varchar(200), proposalCode varchar(45), proposalNumber varchar(45),
  FOREIGN KEY (personId) REFERENCES Person (personId) ON DELETE CASCADE
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE BeamLineSetup (
  beamLineSetupId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  synchrotronMode varchar(255), undulatorType1 varchar(45),
  focusingOptic varchar(255), monochromatorType varchar(255), polarisation float,
  recordTimeStamp timestamp NOT NULL DEFAULT current_timestamp()
) DEFAULT CHARSET=latin1;

CREATE TABLE BLSession (
  sessionId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  proposalId int(10) unsigned NOT NULL,
  beamLineSetupId int(10) unsigned, beamLineName varchar(45), visit_number int(10) unsigned DEFAULT 0,
  startDate datetime, endDate datetime,
  lastUpdate timestamp NOT NULL DEFAULT '0000-00-00 00:00:00',
  bltimeStamp timestamp NOT NULL DEFAULT current_timestamp(),
  FOREIGN KEY (beamLineSetupId) REFERENCES BeamLineSetup (beamLineSetupId),
  FOREIGN KEY (proposalId) REFERENCES Proposal (proposalId) ON DELETE CASCADE
) DEFAULT CHARSET=latin1;

CREATE TABLE Protein (
  proteinId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  proposalId int(10) unsigned NOT NULL,
  name varchar(255), acronym varchar(45),
  hazardGroup tinyint unsigned NOT NULL DEFAULT 1,
  containmentLevel tinyint unsigned NOT NULL DEFAULT 1,
  FOREIGN KEY (proposalId) REFERENCES Proposal (proposalId) ON DELETE CASCADE
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE Crystal (
  crystalId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  proteinId int(10) unsigned NOT NULL,
  name varchar(255), spaceGroup varchar(20),
  size_X double, size_Y double, size_Z double,
  cell_a double, cell_b double, cell_c double,
  cell_alpha double, cell_beta double, cell_gamma double,
  FOREIGN KEY (proteinId) REFERENCES Protein (proteinId) ON DELETE CASCADE
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE BLSample (
  blSampleId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  crystalId int(10) unsigned, name varchar(100), comments varchar(1024),
  FOREIGN KEY (crystalId) REFERENCES Crystal (crystalId) ON DELETE CASCADE
) DEFAULT CHARSET=latin1;

CREATE TABLE ComponentType (
  componentTypeId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(31) NOT NULL UNIQUE
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE Component (
  componentId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  componentTypeId int(11) unsigned NOT NULL,
  proposalId int(10) unsigned,
  name varchar(255) NOT NULL, composition varchar(255),
  FOREIGN KEY (componentTypeId) REFERENCES ComponentType (componentTypeId),
  FOREIGN KEY (proposalId) REFERENCES Proposal (proposalId) ON DELETE CASCADE
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE ConcentrationType (
  concentrationTypeId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(31) NOT NULL, symbol varchar(8) NOT NULL
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE SampleComposition (
  sampleCompositionId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  componentId int(11) unsigned NOT NULL, blSampleId int(11) unsigned NOT NULL,
  concentrationTypeId int(11) unsigned,
  abundance float, ratio float, ph float,
  FOREIGN KEY (concentrationTypeId) REFERENCES ConcentrationType (concentrationTypeId),
  FOREIGN KEY (componentId) REFERENCES Component (componentId),
  FOREIGN KEY (blSampleId) REFERENCES BLSample (blSampleId)
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE CrystalComposition (
  crystalCompositionId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  componentId int(11) unsigned NOT NULL, crystalId int(11) unsigned NOT NULL,
  concentrationTypeId int(11) unsigned,
  abundance float, ratio float, ph float,
  FOREIGN KEY (concentrationTypeId) REFERENCES ConcentrationType (concentrationTypeId),
  FOREIGN KEY (componentId) REFERENCES Component (componentId),
  FOREIGN KEY (crystalId) REFERENCES Crystal (crystalId)
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE DataCollectionGroup (
  dataCollectionGroupId int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sessionId int(10) unsigned NOT NULL, blSampleId int(10) unsigned,
  experimentType enum('EM','SAD','SAD - Inverse Beam','OSC','Collect - Multiwedge',
    'MAD','Helical','Multi-positional','Mesh','Burn','MAD - Inverse Beam',
    'Characterization','Dehydration','Still','SSX-Chip','SSX-Jet'),
  startTime datetime, endTime datetime, comments varchar(1024),
  workflowId int(11) unsigned,
  FOREIGN KEY (sessionId) REFERENCES BLSession (sessionId) ON DELETE CASCADE,
  FOREIGN KEY (blSampleId) REFERENCES BLSample (blSampleId) ON DELETE CASCADE
) DEFAULT CHARSET=latin1;

CREATE TABLE Detector (
  detectorId int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  detectorType varchar(255), detectorManufacturer varchar(255),
  detectorModel varchar(255), detectorSerialNumber varchar(30) UNIQUE,
  detectorPixelSizeHorizontal float, detectorPixelSizeVertical float
) DEFAULT CHARSET=latin1;

CREATE TABLE Workflow (
  workflowId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  workflowTitle varchar(255),
  workflowType enum('Undefined','BioSAXS Post Processing','EnhancedCharacterisation',
    'LineScan','MeshScan','Dehydration','KappaReorientation','BurnStrategy',
    'XrayCentering','DiffractionTomography','TroubleShooting','VisualReorientation',
    'HelicalCharacterisation','GroupedProcessing','MXPressE','MXPressO','MXPressL',
    'MXScore','MXPressI','MXPressM','MXPressA'),
  status varchar(255), recordTimeStamp timestamp NULL
) DEFAULT CHARSET=latin1;

CREATE TABLE Position (
  positionId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  relativePositionId int(11) unsigned,
  posX double, posY double, posZ double, scale double
) DEFAULT CHARSET=latin1;

CREATE TABLE MotorPosition (
  motorPositionId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  phiX double, phiY double, phiZ double, sampX double, sampY double,
  omega double, kappa double, phi double, chi double,
  gridIndexY int(11), gridIndexZ int(11)
) DEFAULT CHARSET=latin1;

CREATE TABLE DataCollection (
  dataCollectionId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  dataCollectionGroupId int(11) NOT NULL, detectorId int(11),
  dataCollectionNumber int(10) unsigned,
  startTime datetime, endTime datetime, runStatus varchar(45),
  numberOfImages int(10) unsigned, startImageNumber int(10) unsigned,
  imageDirectory varchar(255), fileTemplate varchar(255), imagePrefix varchar(100),
  wavelength float, resolution float, detectorDistance float,
  xBeam float, yBeam float, xBeamPix float, yBeamPix float,
  transmission float, exposureTime float,
  beamSizeAtSampleX float, beamSizeAtSampleY float, flux double,
  beamShape varchar(45), polarisation float, undulatorGap1 float,
  synchrotronMode varchar(20),
  comments varchar(1024),
  imageSuffix varchar(45), numberOfPasses int(10) unsigned,
  resolutionAtCorner float, flux_end double,
  rotationAxis enum('Omega','Kappa','Phi'),
  axisStart float, axisEnd float, axisRange float, overlap float,
  omegaStart float, phiStart float, kappaStart float, chiStart float,
  detector2Theta float,
  xtalSnapshotFullPath1 varchar(255), xtalSnapshotFullPath2 varchar(255),
  xtalSnapshotFullPath3 varchar(255), xtalSnapshotFullPath4 varchar(255),
  positionId int(11) unsigned, startPositionId int(11) unsigned,
  endPositionId int(11) unsigned,
  FOREIGN KEY (dataCollectionGroupId)
    REFERENCES DataCollectionGroup (dataCollectionGroupId) ON DELETE CASCADE,
  FOREIGN KEY (positionId) REFERENCES Position (positionId),
  FOREIGN KEY (startPositionId) REFERENCES MotorPosition (motorPositionId),
  FOREIGN KEY (endPositionId) REFERENCES MotorPosition (motorPositionId),
  FOREIGN KEY (detectorId) REFERENCES Detector (detectorId)
) DEFAULT CHARSET=latin1;

CREATE TABLE GridInfo (
  gridInfoId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  dataCollectionGroupId int(11),
  xOffset double, yOffset double, dx_mm double, dy_mm double,
  steps_x double, steps_y double, meshAngle double,
  orientation enum('vertical','horizontal') DEFAULT 'horizontal',
  pixelspermicronX float, pixelspermicronY float,
  snapshot_offsetxpixel float, snapshot_offsetypixel float,
  FOREIGN KEY (dataCollectionGroupId)
    REFERENCES DataCollectionGroup (dataCollectionGroupId)
) DEFAULT CHARSET=latin1;

CREATE TABLE SSXDataCollection (
  dataCollectionId int(11) unsigned NOT NULL PRIMARY KEY,
  repetitionRate float, energyBandwidth float, jetSpeed float, jetSize float,
  reactionDuration float, laserEnergy float,
  monoStripe varchar(255), chipPattern varchar(255), chipModel varchar(255),
  experimentName varchar(255),
  FOREIGN KEY (dataCollectionId)
    REFERENCES DataCollection (dataCollectionId) ON DELETE CASCADE
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE EventChain (
  eventChainId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  dataCollectionId int(11) unsigned NOT NULL, name varchar(255),
  FOREIGN KEY (dataCollectionId)
    REFERENCES DataCollection (dataCollectionId) ON DELETE CASCADE
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE EventType (
  eventTypeId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(30) NOT NULL UNIQUE
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE Event (
  eventId int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  eventChainId int(11) unsigned NOT NULL, eventTypeId int(11) unsigned NOT NULL,
  componentId int(11) unsigned, name varchar(255),
  `offset` float NOT NULL, duration float, period float, repetition float,
  FOREIGN KEY (eventChainId) REFERENCES EventChain (eventChainId) ON DELETE CASCADE,
  FOREIGN KEY (eventTypeId) REFERENCES EventType (eventTypeId),
  FOREIGN KEY (componentId) REFERENCES Component (componentId)
) DEFAULT CHARSET=utf8mb4;

CREATE TABLE AutoProcProgram (
  autoProcProgramId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  dataCollectionId int(11) unsigned,
  processingCommandLine varchar(255), processingPrograms varchar(255),
  processingStatus enum('RUNNING','FAILED','SUCCESS','0','1'),
  processingMessage varchar(255),
  processingStartTime datetime, processingEndTime datetime,
  processingEnvironment varchar(255), recordTimeStamp datetime,
  FOREIGN KEY (dataCollectionId)
    REFERENCES DataCollection (dataCollectionId) ON DELETE CASCADE
) DEFAULT CHARSET=latin1;

CREATE TABLE AutoProcProgramAttachment (
  autoProcProgramAttachmentId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  autoProcProgramId int(10) unsigned NOT NULL,
  fileType enum('Log','Result','Graph'),
  fileName varchar(255), filePath varchar(255), recordTimeStamp datetime,
  FOREIGN KEY (autoProcProgramId)
    REFERENCES AutoProcProgram (autoProcProgramId) ON DELETE CASCADE
) DEFAULT CHARSET=latin1;

-- Ids of types differ between sites.
ALTER TABLE EventType AUTO_INCREMENT = 11;
ALTER TABLE ComponentType AUTO_INCREMENT = 21;
INSERT INTO ComponentType (name) VALUES ('Protein'), ('DNA'), ('Small Molecule'),
  ('RNA'), ('Ligand'), ('Buffer'), ('JetMaterial');
INSERT INTO Person (login) VALUES ('operator');
INSERT INTO Proposal (personId, proposalCode, proposalNumber) VALUES (1, 'mx', '2345');
INSERT INTO BLSession (proposalId, visit_number, beamLineName)
  VALUES (1, 1, 'demo'), (1, 2, 'other');
-- Last: without its event types a schema is not ready.
INSERT INTO EventType (name) VALUES
  ('XrayDetection'), ('XrayExposure'), ('LaserExcitation'), ('ReactionTrigger');

CREATE TABLE AutoProcIntegration (
  autoProcIntegrationId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  dataCollectionId int(11) unsigned NOT NULL,
  autoProcProgramId int(10) unsigned,
  startImageNumber int(11) unsigned, endImageNumber int(11) unsigned,
  cell_a float, cell_b float, cell_c float,
  cell_alpha float, cell_beta float, cell_gamma float,
  recordTimeStamp datetime,
  FOREIGN KEY (dataCollectionId) REFERENCES DataCollection (dataCollectionId)
    ON DELETE CASCADE,
  FOREIGN KEY (autoProcProgramId) REFERENCES AutoProcProgram (autoProcProgramId)
    ON DELETE CASCADE
) DEFAULT CHARSET=latin1;

CREATE TABLE ImageQualityIndicators (
  imageQualityIndicatorsId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  autoProcProgramId int(10) unsigned NOT NULL,
  dataCollectionId int(11) unsigned, imageNumber mediumint(8) unsigned,
  spotTotal int, inResTotal int, goodBraggCandidates int, iceRings int,
  method1Res float, method2Res float, recordTimeStamp datetime,
  FOREIGN KEY (autoProcProgramId) REFERENCES AutoProcProgram (autoProcProgramId)
    ON DELETE CASCADE
) DEFAULT CHARSET=latin1;

CREATE TABLE EnergyScan (
  energyScanId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sessionId int(10) unsigned NOT NULL, blSampleId int(10) unsigned,
  fluorescenceDetector varchar(255), scanFileFullPath varchar(255),
  choochFileFullPath varchar(255), jpegChoochFileFullPath varchar(255),
  element varchar(45), startEnergy float, endEnergy float,
  transmissionFactor float, exposureTime float,
  peakEnergy float, peakFPrime float, peakFDoublePrime float,
  inflectionEnergy float, inflectionFPrime float, inflectionFDoublePrime float,
  startTime datetime, endTime datetime, edgeEnergy varchar(255),
  filename varchar(255), beamSizeVertical float, beamSizeHorizontal float,
  comments varchar(1024), flux double, flux_end double, workingDirectory varchar(45),
  remoteEnergy float, remoteFPrime float, remoteFDoublePrime float,
  FOREIGN KEY (sessionId) REFERENCES BLSession (sessionId) ON DELETE CASCADE,
  FOREIGN KEY (blSampleId) REFERENCES BLSample (blSampleId) ON DELETE CASCADE
) DEFAULT CHARSET=latin1;

CREATE TABLE BLSample_has_EnergyScan (
  blSampleId int(10) unsigned NOT NULL DEFAULT 0,
  energyScanId int(10) unsigned NOT NULL DEFAULT 0,
  FOREIGN KEY (blSampleId) REFERENCES BLSample (blSampleId) ON DELETE CASCADE,
  FOREIGN KEY (energyScanId) REFERENCES EnergyScan (energyScanId) ON DELETE CASCADE
) DEFAULT CHARSET=latin1;

CREATE TABLE XFEFluorescenceSpectrum (
  xfeFluorescenceSpectrumId int(10) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sessionId int(10) unsigned NOT NULL, blSampleId int(10) unsigned,
  fittedDataFileFullPath varchar(255), scanFileFullPath varchar(255),
  jpegScanFileFullPath varchar(255), startTime datetime, endTime datetime,
  filename varchar(255), energy float, exposureTime float, beamTransmission float,
  annotatedPymcaXfeSpectrum varchar(255), beamSizeVertical float,
  beamSizeHorizontal float, comments varchar(1024), flux double, flux_end double,
  workingDirectory varchar(512),
  FOREIGN KEY (sessionId) REFERENCES BLSession (sessionId) ON DELETE CASCADE,
  FOREIGN KEY (blSampleId) REFERENCES BLSample (blSampleId) ON DELETE CASCADE
) DEFAULT CHARSET=latin1;
