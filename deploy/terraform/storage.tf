# Two buckets: segments of events, which are the log that all else can be computed from, and files on
# their way into the warehouse.

locals {
  buckets = toset(["events", "stage"])
}

resource "aws_s3_bucket" "main" {
  for_each = local.buckets
  bucket   = "${var.name}-${each.key}-${data.aws_caller_identity.current.account_id}"
}

resource "aws_s3_bucket_public_access_block" "main" {
  for_each                = local.buckets
  bucket                  = aws_s3_bucket.main[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "main" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.main[each.key].id
  policy   = data.aws_iam_policy_document.tls_only[each.key].json
}

data "aws_iam_policy_document" "tls_only" {
  for_each = local.buckets

  statement {
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.main[each.key].arn, "${aws_s3_bucket.main[each.key].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

# `hirehouse run --remove` removes segments that have landed, so that a listing stays short. In a bucket
# with versions they stay readable: deploy/restore_segments brings them back.
resource "aws_s3_bucket_versioning" "events" {
  bucket = aws_s3_bucket.main["events"].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "events" {
  bucket = aws_s3_bucket.main["events"].id

  rule {
    id     = "segments"
    status = "Enabled"

    filter {}

    noncurrent_version_transition {
      noncurrent_days = 30
      storage_class   = "GLACIER_IR"
    }

    noncurrent_version_expiration {
      noncurrent_days = var.segment_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  depends_on = [aws_s3_bucket_versioning.events]
}

# The lander removes its files, and later those of landings that failed.
resource "aws_s3_bucket_lifecycle_configuration" "stage" {
  bucket = aws_s3_bucket.main["stage"].id

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    expiration {
      days = 7
    }
  }
}
