"""From the ledger to the archive: visits are leased, fetched politely, archived, and their links entered."""
