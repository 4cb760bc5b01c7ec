"""Reads devices as other systems write them down, and hands them on as lines that Carillon imports.

file ─▶ formats ─▶ aerogear, onesignal, sns, ndjson ─▶ rows ─▶ parts ─▶ POST /v1/devices:import
"""
