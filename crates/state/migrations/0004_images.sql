-- What an image is, found out from its bytes when it is registered. Images from before were all
-- filesystems in raw bytes, which start with a kernel.
ALTER TABLE images ADD COLUMN format TEXT NOT NULL DEFAULT 'raw';
ALTER TABLE images ADD COLUMN boot TEXT NOT NULL DEFAULT 'kernel';
